"""Errors that strike at one step of many, and the proof that nothing stays stuck."""

from __future__ import annotations

import asyncio
import itertools
import threading
import types
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from xy_core.core.job import TaskHandle
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskType

Handles = list[TaskHandle[Any]]

ERRORS = [LookupError, asyncio.CancelledError]
CPU, GPU, PROCESS = TaskType.CPU_BOUND, TaskType.GPU_BOUND, TaskType.PROCESS


class Fault:
    """An error that strikes at one step of many.

    Attributes:
        struck: whether it has.
    """

    def __init__(self, kind: type[BaseException], at: int) -> None:
        self.struck = False
        self._kind = kind
        self._at = at
        self._disarmed = False
        self._steps = itertools.count()

    def step(self) -> None:
        """Pass one step of the way, or fail at it."""
        if self.due():
            raise self.error()

    def due(self) -> bool:
        """Pass one step; True if the fault is to strike at it."""
        if self._disarmed or next(self._steps) != self._at:
            return False
        self.struck = True
        return True

    def error(self) -> BaseException:
        """The error itself."""
        return self._kind("injected")

    def disarm(self) -> None:
        """Let what comes now pass undisturbed."""
        self._disarmed = True


@types.coroutine
def struck(fault: Fault, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Await a coroutine; each of its awaits, and its beginning, is a step for the fault."""
    step: Callable[..., Any] = coroutine.send
    value: Any = None
    while True:
        if fault.due():
            step, value = coroutine.throw, fault.error()
        try:
            waiting = step(value)
        except StopIteration as end:
            return end.value
        try:
            value = yield waiting
            step = coroutine.send
        except BaseException as error:  # noqa: BLE001 - it goes where it belongs
            step, value = coroutine.throw, error


def sweep(kind: type[BaseException], scenario: Callable[[Fault], Awaitable[None]]) -> int:
    """Run a scenario with the fault at each of its steps; returns how many there are."""
    for at in itertools.count():
        fault = Fault(kind, at)
        asyncio.run(_bounded(scenario(fault)))
        if not fault.struck:
            return at
    raise AssertionError


async def _bounded(scenario: Awaitable[None]) -> None:
    async with asyncio.timeout(20):
        await scenario


async def assert_sound(
    scheduler: GlobalTaskScheduler, handles: Handles, fault: Fault | None = None
) -> None:
    """Every task has ended, the books agree, and as many tasks as slots can meet again."""
    lane = handles[0].info.lane
    for handle in handles:
        await asyncio.gather(handle, return_exceptions=True)
        await handle.released()
    await scheduler.lane(lane).drain()
    figures = scheduler.statistics()[lane]
    assert (figures.waiting, figures.running) == (0, 0)
    assert all(handle.info.status.final for handle in handles)
    told = Counter(handle.info.status.value for handle in handles)
    assert {status: count for status, count in figures.ended.items() if count} == told
    assert not scheduler._active
    if fault is not None:
        fault.disarm()
    if lane == "default":
        met = asyncio.Barrier(figures.workers)
        await asyncio.gather(*(scheduler.submit(met.wait) for _ in range(figures.workers)))
    else:
        meet = threading.Barrier(figures.workers)
        kind = CPU if lane == "cpu" else GPU
        await asyncio.gather(
            *(scheduler.submit(meet.wait, 10, task_type=kind) for _ in range(figures.workers))
        )


async def steps(count: int = 2) -> int:
    """Wait a few times, and clean up with another wait."""
    try:
        for _ in range(count):
            await asyncio.sleep(0)
    finally:
        await asyncio.sleep(0)
    return count


def submit_all_kinds(scheduler: GlobalTaskScheduler) -> Handles:
    """More tasks than slots, with every option that changes a task's way through the lane."""
    return [
        scheduler.submit(steps, preemptible=True, priority=TaskPriority.LOW),
        scheduler.submit(steps),
        scheduler.submit(steps, retries=1, retry_on=(LookupError,)),
        scheduler.submit(steps, key="key", timeout=5.0),
        scheduler.submit(steps, key="key", deadline=5.0),
        scheduler.submit(steps, 0, priority=TaskPriority.CRITICAL),
        scheduler.submit(steps, 0),
    ]
