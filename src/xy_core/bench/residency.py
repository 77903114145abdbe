"""Five models that do not fit together: ours against first come, first served with LRU.

On a simulated device with a virtual clock. The offline schedule that small cases are held against
is found by search (`offline`).
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from xy_core.bench.offline import best_makespan
from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.bench.task_chain import GIB, sim_model
from xy_core.core.clock import run_virtual
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.sim_device import SimDevice
from xy_core.core.task import TaskType

_MEMORY = 8 * GIB
_SIZES = {"a": 3 * GIB, "b": 4 * GIB, "c": 4 * GIB, "d": 4 * GIB, "e": 5 * GIB}
"""Together 2.5 times the memory."""
_BANDWIDTH = 2.0 * GIB
_COMPUTE = 1.0
"""Seconds that a request takes once its model is there."""
_RATE = 0.95
"""Requests a second: nearly as many as the device could serve if all models were there."""
_ZIPF = 1.2
_AFFINITY = 20.0
_SMALL_CASES = 20
_SMALL = 8
"""Requests of a small case, all of one moment."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: when it comes, and for which model."""

    arrival: float
    model: str


@dataclass(slots=True)
class Served:
    """A request and when it was begun and ended, in seconds from the first arrival."""

    call: Call
    begun: float = 0.0
    ended: float = 0.0


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes a few seconds."""
    count = 200 if quick else 1_000
    rows: dict[str, Figures] = {}
    checks: list[Check] = []
    for name, least in (("round_robin", 2.0), ("zipf", 1.3)):
        progress(name.replace("_", " "))
        calls = _calls(name, count)
        ours, theirs = run_virtual(_ours(calls)), run_virtual(_fifo_lru(calls))
        rows |= {f"{name}_xy_core": _figures(ours), f"{name}_fifo_lru": _figures(theirs)}
        gain = _throughput(ours) / _throughput(theirs)
        checks.append(Check(f"{name}_throughput_vs_fifo_lru", round(gain, 4), least, "at least"))
        checks.append(Check(f"{name}_longest_overtaking", _overtaking(ours), _bound(), "at most"))
    progress("small cases")
    ratios = [_vs_offline(seed) for seed in range(_SMALL_CASES // (4 if quick else 1))]
    rows["small_cases"] = {
        "cases": len(ratios),
        "mean": round(statistics.mean(ratios), 4),
        "worst": round(max(ratios), 4),
    }
    checks.append(Check("small_cases_worst_vs_offline", round(max(ratios), 4), 1.2, "at most"))
    return BenchResult("residency", rows, checks)


def _bound() -> float:
    """The aging bound: how much later than a request another may have come that is begun before.

    For `affinity` seconds loaded models are preferred. From then on the request's model is the next
    to come, after those of older requests: each is one load, after one request that still runs.
    """
    move = max(_SIZES.values()) / _BANDWIDTH + _COMPUTE
    return _AFFINITY + len(_SIZES) * move


def _calls(order: str, count: int) -> list[Call]:
    source = random.Random(11)  # noqa: S311 - a load, not a secret
    names = list(_SIZES)
    weights = [1 / (rank + 1) ** _ZIPF for rank in range(len(names))]
    arrival, calls = 0.0, []
    for number in range(count):
        arrival += source.expovariate(_RATE)
        chosen = source.choices(names, weights)[0] if order == "zipf" else names[number % 5]
        calls.append(Call(arrival, chosen))
    return calls


async def _ours(
    calls: Sequence[Call], sizes: dict[str, int] = _SIZES, memory: int = _MEMORY
) -> list[Served]:
    loop = asyncio.get_running_loop()
    device = SimDevice("sim:0", memory=memory, load_bandwidth=_BANDWIDTH)
    config = SchedulerConfig(affinity=_AFFINITY, devices=(DeviceConfig(name=device.name, slots=1),))
    served = [Served(call) for call in calls]
    async with GlobalTaskScheduler(config, devices=[device]) as scheduler:
        for name, size in sizes.items():
            scheduler.register_model(sim_model(name, size, [device]))
        begun = loop.time()

        async def compute(there: SimDevice, one: Served) -> None:
            one.begun = loop.time() - begun
            await there.compute(_COMPUTE)
            one.ended = loop.time() - begun

        async def ask(one: Served) -> None:
            await asyncio.sleep(begun + one.call.arrival - loop.time())
            await scheduler.run(compute, one, task_type=TaskType.GPU_BOUND, model=one.call.model)

        async with asyncio.TaskGroup() as group:
            for one in served:
                group.create_task(ask(one))
    return served


async def _fifo_lru(calls: Sequence[Call]) -> list[Served]:
    """Serve in the order of arrival; load what is missing, evict what was not used for longest."""
    loop = asyncio.get_running_loop()
    device = SimDevice("sim:0", memory=_MEMORY, load_bandwidth=_BANDWIDTH)
    loaded: list[str] = []
    served = []
    begun = loop.time()
    for call in calls:
        await asyncio.sleep(max(0.0, begun + call.arrival - loop.time()))
        one = Served(call, loop.time() - begun)
        if call.model in loaded:
            loaded.remove(call.model)
        else:
            size = _SIZES[call.model]
            while size > _MEMORY - device.used:
                device.unload(_SIZES[loaded.pop(0)])
            await device.load(size)
        loaded.append(call.model)
        await device.compute(_COMPUTE)
        one.ended = loop.time() - begun
        served.append(one)
    return served


def _throughput(served: Sequence[Served]) -> float:
    return len(served) / (max(one.ended for one in served) - served[0].call.arrival)


def _figures(served: Sequence[Served]) -> Figures:
    waits = sorted(one.begun - one.call.arrival for one in served)
    return {
        "requests_per_second": round(_throughput(served), 4),
        "p50_wait_seconds": round(waits[len(waits) // 2], 1),
        "longest_wait_seconds": round(waits[-1], 1),
        "longest_overtaking_seconds": _overtaking(served),
    }


def _overtaking(served: Sequence[Served]) -> float:
    """How much later than any request another came that was begun before it, in seconds."""
    latest, longest = 0.0, 0.0
    for one in sorted(served, key=lambda each: each.begun):
        longest = max(longest, latest - one.call.arrival)
        latest = max(latest, one.call.arrival)
    return round(longest, 1)


def _vs_offline(seed: int) -> float:
    """The time that we take for a small case, relative to the best schedule found by search."""
    source = random.Random(seed)  # noqa: S311 - a load, not a secret
    sizes = {name: source.randint(2, 5) * GIB for name in "abcd"}
    models = [source.choice(list(sizes)) for _ in range(_SMALL)]
    calls = [Call(0.0, model) for model in models]
    served = run_virtual(_ours(calls, sizes))
    best = best_makespan(models, sizes, memory=_MEMORY, bandwidth=_BANDWIDTH, compute=_COMPUTE)
    return max(one.ended for one in served) / best
