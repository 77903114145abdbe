"""Runs plain functions in worker processes: pure-Python load, and code that may crash."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from xy_core.core.cancellation import CancelToken
from xy_core.core.errors import InvalidTaskError, TaskCancelled, WorkerCrashed
from xy_core.core.functions import is_coroutine_function, name_of
from xy_core.core.job import Ended, Job
from xy_core.core.worker import Worker, WorkerLimits, pack


class ProcessExecutor:
    """A thread for each slot, which feeds a worker process and waits for it.

    Processes are started when they are first needed, kept for the next task, replaced after
    `recycle_after` tasks, and let go when none was needed for `idle_seconds`. Cancelling a task
    kills its process and no other.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        slots: int,
        limits: WorkerLimits,
        *,
        recycle_after: int,
        idle_seconds: float,
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._recycle_after = recycle_after
        self._idle_seconds = idle_seconds
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="xy-process")
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: dict[Job, Worker] = {}
        self._closed = False
        self._reaping: asyncio.TimerHandle | None = None

    def check(self, fn: Callable[..., Any]) -> None:
        """Refuse what another process could not find or run."""
        if is_coroutine_function(fn):
            raise InvalidTaskError(
                f"{name_of(fn)} is a coroutine function: submit it with task_type=TaskType.DEFAULT"
            )
        if "<" in name_of(fn) and hasattr(fn, "__code__"):
            raise InvalidTaskError(
                f"{name_of(fn)} is a lambda or an inner function, which another process cannot "
                "find: define it at the top of a module"
            )

    def start(self, job: Job, ended: Ended) -> None:
        """Let a thread of the pool feed the job to a worker."""
        if self._reaping is not None:
            self._reaping.cancel()
            self._reaping = None
        job.token = CancelToken()
        job.running = self._threads.submit(self._run, job, job.token)
        job.running.add_done_callback(functools.partial(self._over, job, ended))

    def cancel(self, job: Job) -> None:
        """Kill the job's process, or keep it from being given one."""
        with self._lock:
            if job.token is not None:
                job.token.cancel()
            worker = self._busy.get(job)
        if worker is not None:
            worker.kill()

    def saturated(self) -> bool:
        """Processes do not share the loop's interpreter."""
        return False

    def close(self) -> None:
        """Kill all processes; returns before they are gone."""
        if self._reaping is not None:
            self._reaping.cancel()
        with self._lock:
            self._closed = True
            workers = [*self._idle, *self._busy.values()]
            idle, self._idle = self._idle, []
        for worker in workers:
            worker.kill()
        if idle:
            self._threads.submit(_close_all, idle)
        self._threads.shutdown(wait=False)

    # -- on a thread ---------------------------------------------------------------------------

    def _run(self, job: Job, token: CancelToken) -> Any:
        call = pack(job.fn, job.args, job.kwargs)
        worker = self._take(job, token)
        try:
            return worker.run(call)
        except WorkerCrashed as error:
            if token.cancelled:
                raise TaskCancelled("its worker process was killed") from error
            raise WorkerCrashed(f"task {job.info.name!r}: {error}") from error
        finally:
            self._give_back(job, worker)

    def _take(self, job: Job, token: CancelToken) -> Worker:
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            worker = Worker(self._limits)
        with self._lock:
            self._busy[job] = worker
            if token.cancelled or self._closed:
                worker.kill()  # asked for while the process was being started
        return worker

    def _give_back(self, job: Job, worker: Worker) -> None:
        with self._lock:
            del self._busy[job]
            spent = self._recycle_after and worker.tasks >= self._recycle_after
            if worker.alive and not spent and not self._closed:
                self._idle.append(worker)
                return
        worker.close()

    # -- on the loop ---------------------------------------------------------------------------

    def _over(self, job: Job, ended: Ended, future: Future[Any]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, job, ended, future)

    def _tell(self, job: Job, ended: Ended, future: Future[Any]) -> None:
        error = future.exception()
        ended(job, None if error else future.result(), error)
        if not self._busy and not self._closed and self._reaping is None:
            self._reaping = self._loop.call_later(self._idle_seconds, self._reap)

    def _reap(self) -> None:
        self._reaping = None
        with self._lock:
            idle, self._idle = self._idle, []
        if idle:
            self._threads.submit(_close_all, idle)


def _close_all(workers: list[Worker]) -> None:
    for worker in workers:
        worker.close()
