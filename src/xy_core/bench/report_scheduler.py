"""The scheduler that the report describes, re-created to be measured against.

One priority queue for everything, one lock around each change of a task's state, one bounded wait
around each take from the queue, one lock for the GPU. Nothing but the benchmarks uses it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

_POLL = 1.0
"""Seconds that a worker waits for a task before it looks at the scheduler's state."""


@dataclass(order=True)
class _Entry:
    rank: int
    number: int
    task_id: str = field(compare=False)


@dataclass
class _Task:
    func: Callable[[], Awaitable[Any]]
    uses_gpu: bool
    status: str = "pending"
    created: float = field(default_factory=time.time)
    started: float = 0.0
    ended: float = 0.0


class ReportScheduler:
    """Worker coroutines over one queue; a task that needs the GPU waits inside its worker."""

    def __init__(self, workers: int = 4) -> None:
        self._workers = workers
        self._queue: asyncio.PriorityQueue[_Entry] = asyncio.PriorityQueue()
        self._lock = asyncio.Lock()
        self._gpu = asyncio.Lock()
        self._tasks: dict[str, _Task] = {}
        self._futures: dict[str, asyncio.Future[Any]] = {}
        self._running: list[asyncio.Task[None]] = []
        self._number = 0

    async def __aenter__(self) -> Self:
        self._running = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._running:
            worker.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def schedule(
        self, func: Callable[[], Awaitable[Any]], *, priority: int = 2, uses_gpu: bool = False
    ) -> asyncio.Future[Any]:
        """Queue a coroutine function and return the future of its result."""
        task_id = f"task_{uuid.uuid4().hex[:8]}_{self._number}"
        self._number += 1
        async with self._lock:
            self._tasks[task_id] = _Task(func, uses_gpu)
            future = self._futures[task_id] = asyncio.get_running_loop().create_future()
        await self._queue.put(_Entry(-priority, self._number, task_id))
        return future

    async def _work(self) -> None:
        while True:
            try:
                entry = await asyncio.wait_for(self._queue.get(), _POLL)
            except TimeoutError:
                continue
            await self._execute(entry.task_id)
            self._queue.task_done()

    async def _execute(self, task_id: str) -> None:
        task = self._tasks[task_id]
        async with self._lock:
            task.status = "running"
            task.started = time.time()
        try:
            if task.uses_gpu:
                async with self._gpu:
                    result = await task.func()
            else:
                result = await task.func()
        except Exception as error:  # noqa: BLE001 - any failure belongs to its task
            await self._finish(task_id, "failed")
            self._futures.pop(task_id).set_exception(error)
        else:
            await self._finish(task_id, "completed")
            self._futures.pop(task_id).set_result(result)

    async def _finish(self, task_id: str, status: str) -> None:
        async with self._lock:
            task = self._tasks[task_id]
            task.status = status
            task.ended = time.time()
