"""The report's mixed load on one small device: four policies, and the bound of the hardware.

Runs on a simulated machine with a virtual clock, so the same figures come out each time; one row
repeats the burst in real time, twenty times as fast, to show what scheduling itself costs.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import replace

from xy_core.bench.load import Outcome, at_once, offer, poisson
from xy_core.bench.pipeline_scale import batching_gain, device_gain
from xy_core.bench.policies import POLICIES, XyCore
from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.bench.task_chain import GIB, Machine, Profile
from xy_core.core.clock import run_virtual
from xy_core.core.task import TaskPriority

_BURST = 10
_SERIES = 100
_LOAD = 1.2
"""Requests that come, as a multiple of what the device can serve at most."""
_SEEDS = (1, 2, 3, 4, 5)
_REAL_SCALE = 0.05
_TOO_LARGE = replace(Profile(), vision_bytes=9 * GIB // 2, image_bytes=5 * GIB)
"""Models that do not fit side by side into 8 GiB."""
_ROOMY = replace(Profile(), vision_working=0, image_working=0)
"""No working memory: else the naive policy fails under a series, and cannot be compared."""

Runs = dict[str, list[Outcome]]


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about half a minute."""
    seeds = _SEEDS[:1] if quick else _SEEDS
    series = [poisson(_SERIES, _LOAD / _device_seconds(_ROOMY), seed) for seed in seeds]
    rows: dict[str, Figures] = {}
    checks: list[Check] = []
    for name, arrivals in (("burst", [at_once(_BURST)]), ("poisson", series)):
        progress(f"{name}: four policies")
        outcomes: Runs = {
            policy: [run_virtual(_serve(policy, _ROOMY, each)) for each in arrivals]
            for policy in POLICIES
        }
        bounds = [len(each) / least_seconds(_ROOMY, each) for each in arrivals]
        rows |= {f"{name}_{policy}": _figures(found) for policy, found in outcomes.items()}
        rows[f"{name}_bound"] = {"requests_per_second": round(statistics.median(bounds), 5)}
        checks += _comparisons(name, outcomes, bounds)
    progress("real time")
    checks.append(_real_time())
    progress("more than fits")
    checks += _memory(rows)
    progress("interactive")
    checks.append(_interactive(rows, 20 if quick else 60))
    progress("batches and devices")
    checks += [batching_gain(rows), *device_gain(rows)]
    return BenchResult("pipeline", rows, checks)


def least_seconds(profile: Profile, arrivals: Sequence[float]) -> float:
    """Return a lower bound, in seconds, of the time in which all requests can be served.

    The device cannot compute before its first model is there, and what comes after a moment is
    computed after it; the processor's work comes after a look and before an image.
    """
    first = min(profile.vision_bytes, profile.image_bytes) / profile.load_bandwidth
    bound = 0.0
    for number, arrival in enumerate(arrivals):
        left = len(arrivals) - number
        since = arrival - arrivals[0]
        begin = since + (first if number == 0 else 0.0)
        device = begin + left * _device_seconds(profile)
        processor = begin + profile.vision + left * profile.think + profile.draw
        bound = max(bound, device, processor)
    return bound


def _device_seconds(profile: Profile) -> float:
    return profile.vision + profile.draw


async def _serve(policy: str, profile: Profile, arrivals: Sequence[float]) -> Outcome:
    async with POLICIES[policy](Machine(profile)) as running:
        return await offer(running.request, arrivals)


def _figures(outcomes: list[Outcome]) -> Figures:
    middle = statistics.median
    return {
        "requests_per_second": round(middle(each.throughput for each in outcomes), 5),
        "p50_seconds": round(middle(each.latency(0.50) for each in outcomes), 1),
        "p95_seconds": round(middle(each.latency(0.95) for each in outcomes), 1),
        "p99_seconds": round(middle(each.latency(0.99) for each in outcomes), 1),
    }


def _comparisons(name: str, outcomes: Runs, bounds: list[float]) -> list[Check]:
    ours, naive, report = outcomes["xy_core"], outcomes["naive"], outcomes["report"]

    def middle(ratios: Sequence[float]) -> float:
        return round(statistics.median(ratios), 4)

    def against(others: list[Outcome]) -> float:
        return middle([a.throughput / b.throughput for a, b in zip(ours, others, strict=True)])

    def later(share: float) -> float:
        pairs = zip(ours, naive, strict=True)
        return middle([a.latency(share) / b.latency(share) for a, b in pairs])

    of_bound = middle([each.throughput / bound for each, bound in zip(ours, bounds, strict=True)])
    return [
        Check(f"{name}_throughput_vs_bound", of_bound, 0.95, "at least"),
        Check(f"{name}_throughput_vs_report", against(report), 1.10, "at least"),
        Check(f"{name}_throughput_vs_naive", against(naive), 1.0, "at least"),
        Check(f"{name}_median_latency_vs_naive", later(0.50), 0.6, "at most"),
        Check(f"{name}_p99_latency_vs_naive", later(0.99), 1.0, "at most"),
    ]


def _real_time() -> Check:
    """The burst on the real clock: waiting is scaled down, what scheduling costs is not."""
    scaled = replace(
        _ROOMY,
        vision=_ROOMY.vision * _REAL_SCALE,
        think=_ROOMY.think * _REAL_SCALE,
        speak=_ROOMY.speak * _REAL_SCALE,
        draw=_ROOMY.draw * _REAL_SCALE,
        tokens=5,  # longer steps than a timer is late
        load_bandwidth=_ROOMY.load_bandwidth / _REAL_SCALE,
    )
    arrivals = at_once(_BURST)
    outcome = asyncio.run(_serve("xy_core", scaled, arrivals))
    share = outcome.throughput / (_BURST / least_seconds(scaled, arrivals))
    return Check("burst_in_real_time_vs_bound", round(share, 4), 0.95, "at least")


def _memory(rows: dict[str, Figures]) -> list[Check]:
    """Models that do not fit together: who runs out of memory."""
    found = {}
    for policy in POLICIES:
        machine = Machine(_TOO_LARGE)

        async def serve(policy: str = policy, machine: Machine = machine) -> Outcome:
            async with POLICIES[policy](machine) as running:
                return await offer(running.request, at_once(_BURST))

        outcome = run_virtual(serve())
        found[policy] = machine.out_of_memory
        rows[f"too_large_{policy}"] = {
            "out_of_memory": machine.out_of_memory,
            "served": len(outcome.latencies),
            "failed": outcome.failed,
            "seconds": round(outcome.seconds, 1),
        }
    return [
        Check("too_large_naive_out_of_memory", found["naive"], 1, "at least"),
        Check("too_large_out_of_memory", found["xy_core"], 0, "at most"),
        Check("too_large_served", rows["too_large_xy_core"]["served"], _BURST, "at least"),
    ]


def _interactive(rows: dict[str, Figures], count: int) -> Check:
    """People talk while four requests of the background are always being drawn."""
    arrivals = poisson(count, 1 / 60, seed=7)
    idle = run_virtual(_talk(arrivals, background=0))
    loaded = run_virtual(_talk(arrivals, background=4))
    for name, outcome in (("interactive_idle", idle), ("interactive_loaded", loaded)):
        rows[name] = _figures([outcome])
    ratio = loaded.latency(0.95) / idle.latency(0.95)
    return Check("interactive_p95_vs_idle", round(ratio, 4), 1.2, "at most")


async def _talk(arrivals: Sequence[float], background: int) -> Outcome:
    async with XyCore(Machine(Profile())) as policy:

        async def again_and_again() -> None:
            while True:
                await policy.request(priority=TaskPriority.LOW)

        drawing = [asyncio.create_task(again_and_again()) for _ in range(background)]
        await asyncio.sleep(100.0)  # until the models are there
        try:
            return await offer(
                lambda: policy.request(draws=False, priority=TaskPriority.HIGH), arrivals
            )
        finally:
            for task in drawing:
                task.cancel()
            await asyncio.gather(*drawing, return_exceptions=True)
