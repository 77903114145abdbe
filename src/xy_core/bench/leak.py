"""Whether the scheduler keeps anything of tasks that have ended."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator

import psutil

from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.core.config import LogConfig
from xy_core.core.errors import XyCoreError
from xy_core.core.logging import configure_logging
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskType

_MEGABYTE = 1 << 20
_RSS_BOUND = 16.0
"""Megabytes that the process may have grown after the warm-up."""
_OBJECTS_BOUND = 1_000.0
"""Tracked objects: what the interpreter's own caches, timers and the last batch may hold."""
_BATCH = 1_000
_WARM_UP = 30_000
"""Tasks that fill the bounded history (10,000) and the trace's ring (30,000 events)."""


def run(*, tasks: int, progress: Progress) -> BenchResult:
    """Run that many tasks; a million take about a minute."""
    configure_logging(LogConfig(level="error"))  # tasks that are to fail are no news
    return asyncio.run(_measure(tasks, progress))


async def _measure(tasks: int, progress: Progress) -> BenchResult:
    process = psutil.Process()
    rows: dict[str, Figures] = {}
    async with GlobalTaskScheduler() as scheduler:
        for done in range(0, _WARM_UP, _BATCH):
            progress(f"warm-up {done:,}")
            await _batch(scheduler)
        before = _state(process)
        rows["after_warm_up"] = before
        for done in range(0, tasks, _BATCH):
            if done % 50_000 == 0:
                progress(f"{done:,} / {tasks:,}")
            await _batch(scheduler)
        after = rows["after_tasks"] = _state(process)
    rows["tasks"] = {"count": tasks}
    grown = {key: round((after[key] or 0) - (before[key] or 0), 2) for key in before}
    checks = [
        Check("rss_growth_mb", grown["rss_mb"], _RSS_BOUND, "at most"),
        Check("tracked_objects_growth", grown["tracked_objects"], _OBJECTS_BOUND, "at most"),
    ]
    return BenchResult("leak", rows, checks)


def _state(process: psutil.Process) -> Figures:
    gc.collect()
    rss = process.memory_info().rss / _MEGABYTE
    return {"rss_mb": round(rss, 2), "tracked_objects": len(gc.get_objects())}


async def _batch(scheduler: GlobalTaskScheduler) -> None:
    """Run tasks of every kind and fate, most of them as short as can be."""
    rare = [
        scheduler.submit(_fail, retries=0),
        scheduler.submit(asyncio.sleep, 60, timeout=0.001),
        scheduler.submit(asyncio.sleep, 60, deadline=0.001),
        scheduler.submit(_nothing, task_type=TaskType.CPU_BOUND),
        scheduler.submit(_nothing, task_type=TaskType.GPU_BOUND),
        scheduler.submit(_wait, key="conversation"),
    ]
    cancelled = scheduler.submit(asyncio.sleep, 60)
    usual = [scheduler.submit(_wait) for _ in range(_BATCH - len(rare) - 2)]
    async with scheduler.stream(_items) as stream:
        async for _ in stream:
            break
    cancelled.cancel()
    for handle in (*usual, *rare, cancelled):
        with contextlib.suppress(XyCoreError, _ExpectedError):
            await handle
        await handle.released()


class _ExpectedError(Exception):
    """What a failing task raises."""


async def _fail() -> None:
    raise _ExpectedError


async def _wait() -> None:
    await asyncio.sleep(0)


def _nothing() -> None:
    pass


async def _items() -> AsyncIterator[int]:
    for number in range(3):
        yield number
