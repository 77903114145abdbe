"""How a lane runs its tasks: the protocol, and the executors that use threads."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.coroutines import CoroutineExecutor
from xy_core.core.errors import InvalidTaskError
from xy_core.core.functions import is_coroutine_function, name_of
from xy_core.core.job import Ended, Job

_NICE = 5


class Executor(Protocol):
    """Runs jobs; knows nothing of queues."""

    def check(self, fn: Callable[..., Any]) -> None:
        """Refuse, with InvalidTaskError, a function that could not run here."""

    def start(self, job: Job, ended: Ended) -> None:
        """Begin a job's work and return at once."""

    def cancel(self, job: Job) -> None:
        """Ask a job's work to end; `ended` is still called when it does."""

    def saturated(self) -> bool:
        """Whether more slots would not help, whatever waits."""

    def close(self) -> None:
        """Give everything back without waiting."""


class ThreadExecutor:
    """Runs plain functions on a bounded pool of threads."""

    __slots__ = ("_loop", "_pool")

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str, threads: int) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix=f"xy-{name}", initializer=_step_back
        )

    def check(self, fn: Callable[..., Any]) -> None:
        """Refuse coroutine functions: a thread has no loop to run them."""
        if is_coroutine_function(fn):
            raise InvalidTaskError(
                f"{name_of(fn)} is a coroutine function: submit it with task_type=TaskType.DEFAULT"
            )

    def start(self, job: Job, ended: Ended) -> None:
        """Queue the function on the pool, in a copy of the submitter's context."""
        job.token = CancelToken()
        job.context.run(current_token.set, job.token)
        job.running = self._pool.submit(job.context.run, job.fn, *job.lent, *job.args, **job.kwargs)
        job.running.add_done_callback(functools.partial(self._ended, job, ended))

    def cancel(self, job: Job) -> None:
        """Raise the flag that `checkpoint` looks at."""
        if job.token is not None:
            job.token.cancel()

    def saturated(self) -> bool:
        """Threads of native code do not share the loop's processor."""
        return False

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

    def saturated(self) -> bool:
        """A device has as many slots as it has; they do not grow."""
        return True

    def close(self) -> None:
        """Release the threads."""
        self._threads.close()

    def _for(self, job: Job) -> Executor:
        return self._coroutines if is_coroutine_function(job.fn) else self._threads


def _step_back() -> None:
    """Let the loop's thread go first where both want the processor; Linux has nice a thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
