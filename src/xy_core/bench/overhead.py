"""What the scheduler costs: throughput beside its peers, latency, and growth with the queue."""

from __future__ import annotations

import asyncio
import functools
import gc
import statistics
import time

from xy_core.bench.contenders import available, close, noop
from xy_core.bench.result import BenchResult, Check, Figures, Progress, median_ratio
from xy_core.bench.rounds import Run, against_peers, in_turn
from xy_core.core.config import LaneConfig, SchedulerConfig
from xy_core.core.scheduler import GlobalTaskScheduler

_RATIOS = {"gather": 0.5, "report": 2.0, "ray": 20.0}
_LATENCY_BOUND = 0.001
_GROWTH_BOUND = 1.6


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about a minute, or a few seconds with `quick`."""
    try:
        rates = in_turn(_runs(20_000 if quick else 50_000), 3 if quick else 7, progress)
    finally:
        close()
    progress("latency")
    latencies = asyncio.run(_latencies(500 if quick else 5_000))
    progress("queue")
    few, many = 1_000, 100_000 if quick else 1_000_000
    cost_few = asyncio.run(_cost(few, repeats=100 if quick else 500))
    cost_many = asyncio.run(_cost(many, repeats=1))
    rows: dict[str, Figures] = {
        name: {"tasks_per_second": round(statistics.median(rate))} for name, rate in rates.items()
    }
    checks = against_peers(rates, _RATIOS)
    p99 = statistics.quantiles(latencies, n=100)[98]
    checks += [
        Check("submit_to_start_p99_seconds", round(p99, 6), _LATENCY_BOUND, "at most"),
        Check("cost_of_many_waiting", round(cost_many / cost_few, 3), _GROWTH_BOUND, "at most"),
    ]
    rows["queue"] = {
        "waiting_few": few,
        "waiting_many": many,
        "microseconds_few": round(cost_few * 1e6, 3),
        "microseconds_many": round(cost_many * 1e6, 3),
    }
    others = {name: median_ratio(rates["xy_core"], rate) for name, rate in rates.items()}
    rows["xy_core_vs"] = {name: ratio for name, ratio in others.items() if name != "xy_core"}
    return BenchResult("overhead", rows, checks)


def _runs(count: int) -> dict[str, Run]:
    return {
        name: functools.partial(contender, max(100, int(count * share)))
        for name, (contender, share) in available().items()
    }


async def _latencies(count: int) -> list[float]:
    """Seconds from `submit` to the first line of the task, on an idle lane."""
    seconds: list[float] = []

    async def note(submitted: float) -> None:
        seconds.append(time.perf_counter() - submitted)

    async with GlobalTaskScheduler() as scheduler:
        for _ in range(count):
            await scheduler.submit(note, time.perf_counter())
            await asyncio.sleep(0)
    return seconds


async def _cost(waiting: int, repeats: int) -> float:
    """Seconds that one task costs, from submission to its end, with that many in the queue."""
    config = SchedulerConfig(
        default=LaneConfig(min_workers=64, max_workers=64, queue_size=waiting + 1),
        history_size=0,
        trace_size=1_000,
    )
    costs = []
    async with GlobalTaskScheduler(config) as scheduler:
        lane = scheduler.lane("default")
        for _ in range(repeats):
            lane.pause()
            gc.collect()
            begun = time.perf_counter()
            for _ in range(waiting):
                scheduler.submit(noop)
            lane.resume()
            await lane.drain()
            costs.append((time.perf_counter() - begun) / waiting)
    return statistics.median(costs)
