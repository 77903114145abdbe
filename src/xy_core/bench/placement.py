"""Where a cluster's work goes: the placement code itself, on simulated devices."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from xy_core.bench.result import BenchResult, Check, Progress
from xy_core.cluster.placement import Need, Place, Placement
from xy_core.cluster.waiting import WaitingRoom
from xy_core.core.histogram import Histogram

_GIB = 1 << 30
_DEVICES = 10_000
_TASKS = 1_000_000
_SIZES = (8, 16, 24, 48, 80)
"""GiB of the devices, which are mixed evenly."""
_SHOW = 50_000


@dataclass(frozen=True, slots=True)
class _Task:
    """A simulated task: what it needs, and how many simulated seconds it takes."""

    need: Need
    seconds: float


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a run.

    Attributes:
        utilisation: the share of all memory in use, over the time in which tasks waited.
        makespan: simulated seconds until the last one ended.
        placed: tasks that ran.
        decisions: seconds that each decision took.
    """

    utilisation: float
    makespan: float
    placed: int
    decisions: Histogram


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about five minutes, or half a minute with `quick`.

    Utilisation is held against that of a packing that nobody can better: all memory, all the
    time in which tasks wait. The rows also have two packings that see all tasks before the first
    starts: best fit after sorting by size, and by memory times time, decreasing.
    """
    count = _TASKS // 10 if quick else _TASKS
    tasks = _tasks(count)
    ours = _simulate("as they come", tasks, progress)
    orders = {
        "by_size": sorted(tasks, key=lambda task: task.need.memory, reverse=True),
        "by_area": sorted(tasks, key=lambda task: task.need.memory * task.seconds, reverse=True),
    }
    known = {name: _simulate(name, order, progress) for name, order in orders.items()}
    rows = {
        name: {
            "devices": _DEVICES,
            "tasks": outcome.placed,
            "utilisation": round(outcome.utilisation, 4),
            "makespan_s": round(outcome.makespan, 2),
            "decision_p50_us": round(outcome.decisions.quantile(0.5) * 1e6, 1),
            "decision_p99_us": round(outcome.decisions.quantile(0.99) * 1e6, 1),
        }
        for name, outcome in {"xy_core": ours, **known}.items()
    }
    p99 = round(ours.decisions.quantile(0.99) * 1e3, 4)
    return BenchResult(
        "placement",
        rows,
        [
            Check("decision_p99_ms", p99, 1.0, "at most"),
            Check("utilisation_vs_bound", round(ours.utilisation, 4), 0.95, "at least"),
            Check("tasks_lost", count - ours.placed, 0, "at most"),
        ],
    )


def _tasks(count: int) -> list[_Task]:
    """Small ones mostly, and a few that only large devices can take."""
    chance = random.Random(10)  # noqa: S311 - the same tasks in every run
    return [
        _Task(
            Need(memory=int(min(64.0, 1 + chance.expovariate(1 / 9)) * _GIB)),
            chance.uniform(0.5, 1.5),
        )
        for _ in range(count)
    ]


def _simulate(name: str, tasks: Sequence[_Task], progress: Progress) -> _Outcome:
    """Run all tasks in simulated time; what has no room waits."""
    placement, waiting = Placement(), WaitingRoom[_Task]()
    sizes = [_SIZES[number % len(_SIZES)] * _GIB for number in range(_DEVICES)]
    for number, size in enumerate(sizes):
        placement.add(f"gpu{number:05d}", size, slots=64)
    for task in tasks:
        waiting.add(task.need.memory, task)
    ends: list[tuple[float, int, Place]] = []
    spans: list[tuple[float, float, int]] = []
    decisions = Histogram()
    now = full_until = 0.0
    while waiting or ends:
        while (found := _decide(placement, waiting, decisions)) is not None:
            task, place = found
            full_until = now
            spans.append((now, now + task.seconds, task.need.memory))
            heapq.heappush(ends, (now + task.seconds, len(spans), place))
            if len(spans) % _SHOW == 0:
                progress(f"{name}: {len(spans):,} of {len(tasks):,} tasks")
        if not ends:
            break
        now, _, place = heapq.heappop(ends)
        placement.release(place)
    area = sum((min(end, full_until) - begin) * memory for begin, end, memory in spans)
    return _Outcome(area / (sum(sizes) * full_until), now, len(spans), decisions)


def _decide(
    placement: Placement, waiting: WaitingRoom[_Task], decisions: Histogram
) -> tuple[_Task, Place] | None:
    """Choose a task and its device, and note how long that took."""
    begin = time.perf_counter()
    task = waiting.take(placement.most_room())
    place = None if task is None else placement.place(task.need)
    decisions.observe(time.perf_counter() - begin)
    return None if task is None or place is None else (task, place)
