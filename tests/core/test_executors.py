"""Which functions are coroutine functions, and what becomes of threads."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator

import pytest

from xy_core.core.functions import is_coroutine_function
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskType


async def coroutine(*_: object) -> None: ...


async def generator() -> AsyncIterator[int]:
    yield 1


class Service:
    async def method(self) -> None: ...

    def plain(self) -> None: ...

    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (coroutine, True),
        (functools.partial(coroutine, 1), True),
        (Service().method, True),
        (Service(), True),
        (asyncio.sleep, True),
        (generator, False),
        (Service().plain, False),
        (Service, False),
        (lambda: None, False),
        (len, False),
        (functools.partial(len, ()), False),
    ],
)
def test_coroutine_functions_are_told_from_others(fn, expected):
    assert is_coroutine_function(fn) is expected


async def test_threads_of_a_lane_are_no_more_than_its_slots(config):
    both = threading.Barrier(2, timeout=10)

    def meet() -> int:
        both.wait()
        return threading.get_ident()

    async with GlobalTaskScheduler(config()) as scheduler:
        handles = [scheduler.submit(meet, task_type=TaskType.CPU_BOUND) for _ in range(8)]
        assert len({await handle for handle in handles}) == 2


async def test_a_thread_that_ends_after_the_scheduler_stopped_is_harmless(config):
    started, leave = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        leave.wait(10)

    scheduler = GlobalTaskScheduler(config())
    await scheduler.start()
    handle = scheduler.submit(work, task_type=TaskType.CPU_BOUND)
    await asyncio.to_thread(started.wait, 10)
    lane = scheduler.lane("cpu")
    lane.close()
    leave.set()
    await handle.released()
    await scheduler.stop()
