"""How a lane runs one task: as a coroutine on the loop, or as a function on a thread."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.errors import InvalidTaskError
from xy_core.core.job import Job

Ended = Callable[[Job, Any, BaseException | None], None]
"""Told once, on the loop, when a job's work has really ended."""


class Executor(Protocol):
    """Runs jobs; knows nothing of queues."""

    def check(self, fn: Callable[..., Any]) -> None:
        """Refuse, with InvalidTaskError, a function that could not run here."""

    def start(self, job: Job, ended: Ended) -> None:
        """Begin a job's work and return at once."""

    def cancel(self, job: Job) -> None:
        """Ask a job's work to end; `ended` is still called when it does."""

    def close(self) -> None:
        """Give everything back without waiting."""


class CoroutineExecutor:
    """Runs coroutine functions, each as an asyncio task of its own."""

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def check(self, fn: Callable[..., Any]) -> None:
        """Refuse functions that would block the event loop."""
        if not is_coroutine_function(fn):
            raise InvalidTaskError(
                f"{_name(fn)} is not a coroutine function and would block the event loop: "
                "submit it with task_type=TaskType.CPU_BOUND (or GPU_BOUND for a device)"
            )

    def start(self, job: Job, ended: Ended) -> None:
        """Create the asyncio task, in the context in which the job was submitted."""
        job.entered = False
        job.running = self._loop.create_task(
            _run(job, ended), name=job.info.name, context=job.context
        )

    def cancel(self, job: Job) -> None:
        """Throw CancelledError into the coroutine, or keep it from beginning."""
        if job.entered:
            job.running.cancel()

    def close(self) -> None:
        """Nothing to give back: the lane has cancelled its tasks."""


async def _run(job: Job, ended: Ended) -> None:
    """Run a job's coroutine and tell its end.

    Telling it from inside, not by a callback of the asyncio task, saves a turn of the event loop
    for every task.
    """
    job.entered = True
    if job.settled or job.preempting:
        ended(job, None, asyncio.CancelledError())
        return
    try:
        result = await job.fn(*job.args, **job.kwargs)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is the outcome
        ended(job, None, error)
    except BaseException as error:
        ended(job, None, error)
        raise
    else:
        ended(job, result, None)


class ThreadExecutor:
    """Runs plain functions on a bounded pool of threads."""

    __slots__ = ("_loop", "_pool")

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str, threads: int) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"xy-{name}")

    def check(self, fn: Callable[..., Any]) -> None:
        """Refuse coroutine functions: a thread has no loop to run them."""
        if is_coroutine_function(fn):
            raise InvalidTaskError(
                f"{_name(fn)} is a coroutine function: submit it with task_type=TaskType.DEFAULT"
            )

    def start(self, job: Job, ended: Ended) -> None:
        """Queue the function on the pool, in a copy of the submitter's context."""
        job.token = CancelToken()
        job.context.run(current_token.set, job.token)
        job.running = self._pool.submit(job.context.run, job.fn, *job.args, **job.kwargs)
        job.running.add_done_callback(functools.partial(self._ended, job, ended))

    def cancel(self, job: Job) -> None:
        """Raise the flag that `checkpoint` looks at."""
        if job.token is not None:
            job.token.cancel()

    def close(self) -> None:
        """Let the threads end by themselves; queued functions are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ended(self, job: Job, ended: Ended, future: Future[Any]) -> None:
        if future.cancelled():
            outcome: tuple[Any, BaseException | None] = (None, asyncio.CancelledError())
        elif (error := future.exception()) is not None:
            outcome = (None, error)
        else:
            outcome = (future.result(), None)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(ended, job, *outcome)


class DeviceExecutor:
    """Runs both kinds: coroutines on the loop, plain functions on the device's own threads."""

    __slots__ = ("_coroutines", "_threads")

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str, slots: int) -> None:
        self._coroutines = CoroutineExecutor(loop)
        self._threads = ThreadExecutor(loop, name, slots)

    def check(self, fn: Callable[..., Any]) -> None:
        """Accept everything."""

    def start(self, job: Job, ended: Ended) -> None:
        """Run the job where its kind of function belongs."""
        self._for(job).start(job, ended)

    def cancel(self, job: Job) -> None:
        """Cancel in the way of the job's kind."""
        self._for(job).cancel(job)

    def close(self) -> None:
        """Release the threads."""
        self._threads.close()

    def _for(self, job: Job) -> Executor:
        return self._coroutines if is_coroutine_function(job.fn) else self._threads


def is_coroutine_function(fn: Callable[..., Any]) -> bool:
    """Whether calling `fn` gives a coroutine; fast for plain functions."""
    code = getattr(fn, "__code__", None)
    if code is not None:
        return bool(code.co_flags & inspect.CO_COROUTINE) or inspect.iscoroutinefunction(fn)
    if isinstance(fn, type):
        return False  # calling it makes an instance, whatever calling that gives
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(
        getattr(fn, "__call__", None)  # noqa: B004 - its kind is asked, not its existence
    )


def _name(fn: Callable[..., Any]) -> str:
    return getattr(fn, "__qualname__", None) or repr(fn)
