"""Runs coroutine functions on the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import time
import types
from collections.abc import Callable, Generator
from typing import Any

from xy_core.core.errors import InvalidTaskError
from xy_core.core.functions import is_coroutine_function, name_of
from xy_core.core.job import Ended, Job
from xy_core.core.task import TaskInfo
from xy_core.core.turns import Turns, give_way

_SATURATED = 0.8
"""Share of a processor from which on the loop's thread has no time for more slots."""


class CoroutineExecutor:
    """Runs jobs in asyncio tasks; one that ends goes on with the job that takes its slot.

    So a backlog costs no asyncio task a job. Each job still has the context of its submitter, and
    a task that was cancelled serves no other job.

    Attributes:
        turns: how long jobs which never wait may keep the event loop.
    """

    __slots__ = ("_context", "_free", "_loop", "_measured", "turns")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Runners enter their jobs' contexts from one of their own, which nobody else enters.
        self._context = contextvars.Context()
        self._free: _Runner | None = None
        self.turns = Turns()
        self._measured = (loop.time(), time.thread_time())

    def check(self, fn: Callable[..., Any]) -> None:
        """Refuse functions that would block the event loop."""
        if not is_coroutine_function(fn):
            raise InvalidTaskError(
                f"{name_of(fn)} is not a coroutine function and would block the event loop: "
                "submit it with task_type=TaskType.CPU_BOUND (or GPU_BOUND for a device)"
            )

    def start(self, job: Job, ended: Ended) -> None:
        """Let the runner that has just become free go on with the job, or make a new one."""
        job.entered = False
        runner = self._free
        if runner is not None:
            self._free = None
            runner.job = job
            runner.ended = ended
            job.running = runner.task
            return
        runner = _Runner(self, job, ended)
        task = self._loop.create_task(runner.run(), context=self._context)
        runner.task = job.running = task
        task.add_done_callback(runner.over)
        _runners[task] = runner

    def cancel(self, job: Job) -> None:
        """Throw CancelledError into the coroutine, or keep it from beginning."""
        if job.entered:
            job.running.cancel()

    def saturated(self) -> bool:
        """Whether the loop's thread was busy since the last call: more slots would not help."""
        before, used_before = self._measured
        self._measured = now, used = self._loop.time(), time.thread_time()
        return used - used_before > _SATURATED * (now - before)

    def close(self) -> None:
        """Nothing to give back: the lane has cancelled its tasks."""

    def offer(self, runner: _Runner | None) -> None:
        """Name the runner that may take the next job that is started, or none."""
        self._free = runner


class _Runner:
    """One asyncio task, and the job that it runs now."""

    __slots__ = ("_executor", "ended", "job", "task")

    def __init__(self, executor: CoroutineExecutor, job: Job, ended: Ended) -> None:
        self._executor = executor
        self.ended = ended
        self.job: Job | None = job
        self.task: asyncio.Task[None]

    async def run(self) -> None:
        """Run the first job, and then every job that takes its slot."""
        executor, task = self._executor, self.task
        while (job := self.job) is not None:
            ended = self.ended
            job.entered = True
            task.set_name(job.info.name)
            result: Any = None
            error: BaseException | None = None
            if job.settled or job.preempting:
                error = asyncio.CancelledError()
            else:
                try:
                    result = await _inside(job)
                except (Exception, asyncio.CancelledError) as raised:  # noqa: BLE001 - the outcome
                    error = raised
            self.job = None
            # A cancellation may still hang over the task; the next job must not get it.
            executor.offer(None if task.cancelling() else self)
            ended(job, result, error)
            executor.offer(None)
            error = None  # its traceback holds this frame
            if self.job is not None and executor.turns.over():
                await give_way()

    def over(self, task: asyncio.Task[None]) -> None:
        """Forget the task, and tell the end of a job that went down with it."""
        del _runners[task]
        if self.job is not None:
            job, self.job = self.job, None
            error = None if task.cancelled() else task.exception()
            self.ended(job, None, error or asyncio.CancelledError())


_runners: dict[asyncio.Task[Any], _Runner] = {}
"""Of all loops; each leaves it with its task."""


def running_record() -> TaskInfo | None:
    """Return the record of the scheduler's task whose coroutine calls this; None elsewhere."""
    task = asyncio.current_task()
    runner = None if task is None else _runners.get(task)
    return None if runner is None or runner.job is None else runner.job.info


@types.coroutine
def _inside(job: Job) -> Generator[Any, Any, Any]:
    """Await a job's coroutine, with each of its steps inside the job's context."""
    enter = job.context.run
    if job.lent or job.kwargs:
        coroutine = enter(job.fn, *job.lent, *job.args, **job.kwargs)
    else:
        coroutine = enter(job.fn, *job.args)
    step: Callable[..., Any] = coroutine.send
    value: Any = None
    while True:
        try:
            waiting = enter(step, value)
        except StopIteration as end:
            return end.value
        finally:
            value = None  # a thrown error's traceback holds this frame
        try:
            value = yield waiting
            step = coroutine.send
        except BaseException as error:  # noqa: BLE001 - it goes where it belongs
            value = error
            step = coroutine.throw
