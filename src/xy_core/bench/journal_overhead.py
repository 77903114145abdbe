"""What the journal costs: durable tasks beside the same tasks without it, in tasks a second."""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xy_core.bench.result import Check, Figures, Progress, median_ratio
from xy_core.core.config import DeviceConfig, JournalConfig, SchedulerConfig
from xy_core.core.durable import DurableTasks
from xy_core.core.garbage import settled_objects
from xy_core.core.journal import Journal
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskType

_MILLISECOND = 0.001
_BOUND = 15.0
"""Per cent of throughput."""
_BLOCK = bytes(1 << 22)


Lanes = Mapping[str, tuple[TaskType, Callable[..., Any], int]]
Rates = Mapping[str, defaultdict[str, list[float]]]
"""By lane, for plain and durable: tasks a second, and microseconds of processor time a task."""


@dataclass(frozen=True, slots=True)
class OverheadFigures:
    """Figures by lane, and what they are held against."""

    rows: dict[str, Figures]
    checks: list[Check]


def measure(*, rounds: int, progress: Progress) -> OverheadFigures:
    """Run tasks of one millisecond with and without the journal, in turns.

    - ``cpu_lane``: each keeps a processor busy for 1 ms, in as many threads as there are
      processors. The journal's own thread competes with them, so that all its cost shows.
    - ``device_lane``: each waits 1 ms for a device, in the lane's usual number of slots.
    - ``default_lane``: each waits 1 ms on the event loop, in 64 slots or more. So many could run
      64,000 times a second; it is the loop that is full, with about 30 µs of scheduling for each
      task, and the journal's part of the loop is held against these. Shown, not judged: it is
      what the journal costs a task that takes no time.
    """
    kinds = lanes()
    rates: Rates = {name: defaultdict(list) for name in kinds}
    with settled_objects():  # as a program does (see `open_runtime`)
        asyncio.run(_measure(kinds, rates, rounds, progress))
    return figures(rates)


def lanes() -> Lanes:
    """Return what is run in each lane, and how many of it a round."""
    return {
        "cpu_lane": (TaskType.CPU_BOUND, _busy(_bytes_of_a_millisecond()), 1_500),
        "device_lane": (TaskType.GPU_BOUND, _wait, 3_000),
        "default_lane": (TaskType.DEFAULT, _wait, 6_000),
    }


def figures(rates: Rates) -> OverheadFigures:
    """Return the medians, and hold those of lanes that the tasks fill against the bound."""
    rows: dict[str, Figures] = {
        f"overhead_{name}": {
            "plain_per_second": round(statistics.median(found["plain"])),
            "durable_per_second": round(statistics.median(found["durable"])),
            "overhead_percent": round(
                100 * (1 - median_ratio(found["durable"], found["plain"])), 2
            ),
            "plain_cpu_microseconds": round(statistics.median(found["plain_cpu"]), 1),
            "durable_cpu_microseconds": round(statistics.median(found["durable_cpu"]), 1),
        }
        for name, found in rates.items()
    }
    checks = [
        Check(
            f"overhead_{name}_percent",
            rows[f"overhead_{name}"]["overhead_percent"],
            _BOUND,
            "at most",
        )
        for name in ("cpu_lane", "device_lane")
    ]
    return OverheadFigures(rows, checks)


async def _measure(
    kinds: Lanes,
    rates: Rates,
    rounds: int,
    progress: Progress,
) -> None:
    config = SchedulerConfig(devices=(DeviceConfig(name="cpu", queue_size=10_000),))
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(JournalConfig(path=Path(folder) / "journal.db"))
        async with GlobalTaskScheduler(config) as scheduler:
            durable = DurableTasks(scheduler, journal)
            for name, (task_type, fn, _) in kinds.items():
                await durable.register(name, fn, task_type=task_type)
            for number in range(rounds + 1):
                for name, (task_type, fn, count) in kinds.items():
                    progress(f"overhead, round {number}/{rounds}: {name.replace('_', ' ')}")
                    for which in ("plain", "durable")[:: 1 if number % 2 else -1]:
                        used = time.process_time()
                        if which == "plain":
                            rate = await _plain(scheduler, fn, task_type, count)
                        else:
                            rate = await _durable(durable, name, count)
                        if number:  # the first one warms up
                            used = (time.process_time() - used) / count * 1e6
                            rates[name][which].append(rate)
                            rates[name][f"{which}_cpu"].append(used)
            await durable.stop()
        await durable.close()


async def _plain(
    scheduler: GlobalTaskScheduler, fn: Callable[..., Any], task_type: TaskType, count: int
) -> float:
    begun = time.perf_counter()
    handles = [
        scheduler.submit(fn, kwargs={"number": number}, task_type=task_type)
        for number in range(count)
    ]
    for handle in handles:
        await handle
    return count / (time.perf_counter() - begun)


async def _durable(durable: DurableTasks, name: str, count: int) -> float:
    begun = time.perf_counter()
    for task in await durable.submit_many(name, [{"number": number} for number in range(count)]):
        await task
    return count / (time.perf_counter() - begun)


async def _wait(number: int) -> None:  # noqa: ARG001 - an argument for the journal to carry
    await asyncio.sleep(_MILLISECOND)


def _busy(size: int) -> Callable[..., None]:
    block = _BLOCK[:size]

    def busy(number: int) -> None:  # noqa: ARG001 - an argument for the journal to carry
        """Keep a processor busy without the interpreter's lock."""
        hashlib.sha256(block).digest()

    return busy


def _bytes_of_a_millisecond() -> int:
    """How many bytes take a millisecond to hash here."""
    seconds = []
    for _ in range(20):
        begun = time.perf_counter()
        hashlib.sha256(_BLOCK).digest()
        seconds.append(time.perf_counter() - begun)
    return min(len(_BLOCK), int(len(_BLOCK) * _MILLISECOND / min(seconds)))
