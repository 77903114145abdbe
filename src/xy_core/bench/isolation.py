"""How late the event loop runs while work fills the machine, by where the work is done."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.core.garbage import settled_objects
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskType

_TICK = 0.002
"""Seconds between two looks at the clock, as of a program that plays audio."""
_ABOVE_IDLE_MS = 5.0
_LONGEST_MS = 20.64
"""The longest block of the report's isolation experiment."""
_BLOCK = bytes(1 << 20)
_PASSES = 500_000

CPU, PROCESS = TaskType.CPU_BOUND, TaskType.PROCESS

Load = Callable[[], Awaitable[None]]


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about a minute and a half, or fifteen seconds with `quick`."""
    with settled_objects():  # as a program does (see `open_runtime`)
        return asyncio.run(_measure(2.5 if quick else 15.0, progress))


async def _measure(seconds: float, progress: Progress) -> BenchResult:
    lags: dict[str, list[float]] = {}
    async with GlobalTaskScheduler() as scheduler:
        loads: dict[str, tuple[int, Load | None]] = {
            "idle": (1, None),
            "native_in_cpu_lane": (_slots(scheduler, "cpu"), _lane(scheduler, native, CPU)),
            "python_in_process_lane": (
                _slots(scheduler, "process"),
                _lane(scheduler, pure_python, PROCESS),
            ),
            "python_in_to_thread": (_slots(scheduler, "cpu"), _naive_thread),
            "python_on_the_loop": (1, _on_the_loop),
        }
        for name, (at_once, load) in loads.items():
            progress(name.replace("_", " "))
            async with _filled(at_once, load):
                lags[name] = await _listen(seconds)
    rows = {name: _figures(lag) for name, lag in lags.items()}
    return BenchResult("isolation", rows, _checks(rows))


def native() -> None:
    """Keep a processor busy without the interpreter's lock."""
    hashlib.sha256(_BLOCK).digest()


def pure_python() -> int:
    """Keep a processor busy in the interpreter."""
    return sum(number * number for number in range(_PASSES))


def _slots(scheduler: GlobalTaskScheduler, lane: str) -> int:
    """Twice as many as the lane runs at a time: it always has a backlog."""
    return 2 * scheduler.statistics()[lane].workers


def _lane(scheduler: GlobalTaskScheduler, fn: Callable[[], object], task_type: TaskType) -> Load:
    async def load() -> None:
        await scheduler.run(fn, task_type=task_type, priority=TaskPriority.LOW)

    return load


async def _naive_thread() -> None:
    await asyncio.to_thread(pure_python)


async def _on_the_loop() -> None:
    pure_python()
    await asyncio.sleep(0)


@asynccontextmanager
async def _filled(at_once: int, load: Load | None) -> AsyncIterator[None]:
    """Keep so many of the load going, from a moment after its start on."""

    async def again_and_again(begun: asyncio.Event) -> None:
        for number in itertools.count():
            if load is not None:
                await load()
            else:
                await asyncio.sleep(_TICK)
            if number == 1:
                begun.set()

    begun = [asyncio.Event() for _ in range(at_once)]
    tasks = [asyncio.create_task(again_and_again(event)) for event in begun]
    try:
        for event in begun:
            await event.wait()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _listen(seconds: float) -> list[float]:
    """How late each tick came, in seconds."""
    lags = []
    end = time.perf_counter() + seconds
    before = time.perf_counter()
    while before < end:
        await asyncio.sleep(_TICK)
        now = time.perf_counter()
        lags.append(now - before - _TICK)
        before = now
    return lags


def _figures(lags: list[float]) -> Figures:
    """Quantiles by rank, in milliseconds: interpolating would invent values in the tail."""
    ordered = sorted(lags)
    ranks = {"p50": 0.5, "p99": 0.99, "p99_9": 0.999}
    found = {
        f"{name}_ms": round(ordered[int(share * (len(ordered) - 1))] * 1e3, 3)
        for name, share in ranks.items()
    }
    return {"ticks": len(ordered), **found, "max_ms": round(ordered[-1] * 1e3, 3)}


def _checks(rows: dict[str, Figures]) -> list[Check]:
    idle = rows["idle"]["p99_9_ms"] or 0.0
    checks = []
    for name in ("native_in_cpu_lane", "python_in_process_lane"):
        late, longest = rows[name]["p99_9_ms"] or 0.0, rows[name]["max_ms"]
        above = round(late - idle, 3)
        checks += [
            Check(f"{name}_p99_9_above_idle_ms", above, _ABOVE_IDLE_MS, "at most"),
            Check(f"{name}_max_ms", longest, _LONGEST_MS, "at most"),
        ]
    return checks
