"""What another node costs: a call beside a bare actor's, and an array that goes by reference."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from xy_core.bench.result import (
    BenchResult,
    Check,
    Figures,
    Progress,
    median_interval,
    median_ratio,
)
from xy_core.cluster.actor import open_actor
from xy_core.cluster.config import ClusterConfig
from xy_core.cluster.connection import Cluster, ray_library
from xy_core.cluster.device import ClusterDevice
from xy_core.cluster.simulated import SimulatedCluster
from xy_core.cluster.tasks import keep, remote
from xy_core.core.backend_model import backend_model
from xy_core.core.config import DeviceConfig, HostedConfig, NodeConfig, SchedulerConfig
from xy_core.core.host_proxy import lending_nodes, make_backend
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskType

_ARRAY = 10_000_000
_KEPT = 5
"""Arrays that are held while memory is looked at."""
_WARM_UP = 50
_AT_ONCE = 16
_OVERHEAD_BOUND = 1.3

Bytes = NDArray[np.uint8]
Step = Callable[[], Awaitable[object]]


class Echo:
    """The least that a model can do."""

    def load(self) -> None:
        """Have nothing to load."""

    def close(self) -> None:
        """Have nothing to free."""

    def echo(self, value: object) -> object:
        """Give back what came."""
        return value

    def total(self, array: Bytes) -> int:
        """Read an array."""
        return int(array.sum())


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Measure on a cluster of three nodes that are all on this machine; takes about a minute."""
    progress("starting a cluster of three nodes")
    with SimulatedCluster() as nodes, lending_nodes(open_actor):
        for place in ("left", "right"):
            nodes.add(cpus=1, **{place: 1.0})
        rows = asyncio.run(_measure(nodes.head, 300 if quick else 2_000, progress))
    call, burst, array = rows["call"], rows["calls_at_once"], rows["array_between_nodes"]
    checks = [
        Check("task_vs_bare_actor_call", call["vs_bare"], _OVERHEAD_BOUND, "at most"),
        Check("tasks_at_once_vs_bare", burst["vs_bare"], _OVERHEAD_BOUND, "at most"),
        # All of the five arrays would be fifty.
        Check("array_megabytes_here", array["by_reference_megabytes_here"], 5.0, "at most"),
    ]
    return BenchResult("cluster", rows, checks)


async def _measure(head: int, rounds: int, progress: Progress) -> dict[str, Figures]:
    rows: dict[str, Figures] = {}
    device = ClusterDevice(Cluster(ClusterConfig()).read_memory)
    config = SchedulerConfig(
        devices=(DeviceConfig(name="cpu"), DeviceConfig(name=device.name, slots=_AT_ONCE))
    )
    hosted = HostedConfig(
        isolation="cluster", node=NodeConfig(cpus=0, resources={"left": 0.1}), process={"nice": 0}
    )
    echo = make_backend(Echo, name="echo", config=hosted)
    bare = ray_library().remote(Echo).options(num_cpus=0, resources={"left": 0.1}).remote()
    async with GlobalTaskScheduler(config, (device,)) as scheduler:
        scheduler.register_model(backend_model("echo", echo, 0), device.name)

        def ours(fn: Callable[..., Any], value: object) -> Awaitable[Any]:
            return scheduler.submit(
                fn, value, task_type=TaskType.GPU_BOUND, device=device.name, model="echo"
            )

        progress("calls, one after the other")
        rows["call"] = await _compare(
            rounds, lambda: ours(_echo, 1), lambda: _answer(bare.echo.remote(1))
        )
        progress(f"calls, {_AT_ONCE} at once")
        rows["calls_at_once"] = await _compare(
            rounds // _AT_ONCE,
            lambda: asyncio.gather(*(ours(_echo, 1) for _ in range(_AT_ONCE))),
            lambda: asyncio.gather(*(_answer(bare.echo.remote(1)) for _ in range(_AT_ONCE))),
        )
        progress("arrays to a model")
        array = np.ones(_ARRAY, np.uint8)
        rows["array_call"] = await _compare(
            rounds // 20, lambda: ours(_total, array), lambda: _answer(bare.total.remote(array))
        )
    progress("arrays between nodes")
    rows["array_between_nodes"] = await _between_nodes(head, max(5, rounds // 100))
    return rows


async def _compare(rounds: int, ours: Step, bare: Step) -> Figures:
    """Do the same in both ways, in turns, after a warm-up."""
    there: list[float] = []
    plain: list[float] = []
    for number in range(-min(rounds, _WARM_UP), rounds):
        first, second = (there, plain) if number % 2 else (plain, there)
        for seconds in (first, second):
            taken = await _seconds(ours if seconds is there else bare)
            if number >= 0:
                seconds.append(taken)
    low, high = median_interval(there, plain)
    return {
        "rounds": rounds,
        "p50_ms": _milliseconds(there),
        "bare_p50_ms": _milliseconds(plain),
        "vs_bare": median_ratio(there, plain),
        "vs_bare_low": low,
        "vs_bare_high": high,
    }


async def _between_nodes(head: int, rounds: int) -> Figures:
    """Make arrays on one node and read them on another: by reference, and through this program."""
    make = remote(_made, cpus=0, resources={"left": 0.1})
    make_there = remote(_kept, cpus=0, resources={"left": 0.1})
    read: Callable[[Any], Awaitable[int]] = remote(_sum, cpus=0, resources={"right": 0.1})

    async def by_reference() -> object:
        reference = await make_there()
        await read(reference)
        return reference

    async def through_here() -> object:
        array = await make()
        await read(array)
        return array

    await by_reference()
    grown = await _growth(head, by_reference)
    figures = await _compare(rounds, by_reference, through_here)
    return {
        "rounds": rounds,
        "by_reference_p50_ms": figures["p50_ms"],
        "through_here_p50_ms": figures["bare_p50_ms"],
        "by_reference_megabytes_here": grown,
        "through_here_megabytes_here": await _growth(head, through_here),
    }


async def _growth(head: int, step: Step) -> float:
    """Return by how many megabytes this program and the head's object store grow by five arrays."""
    watched = (psutil.Process(), psutil.Process(head))
    before = [process.memory_info().rss for process in watched]
    kept = [await step() for _ in range(_KEPT)]
    after = [process.memory_info().rss for process in watched]
    del kept
    grown = max(new - old for new, old in zip(after, before, strict=True))
    return round(float(grown) / 1e6, 2)


async def _answer(reference: Any) -> object:  # noqa: ANN401 - Ray is untyped
    return await reference


def _echo(model: Echo, value: object) -> object:
    return model.echo(value)


def _total(model: Echo, array: Bytes) -> int:
    return model.total(array)


def _made() -> Bytes:
    return np.ones(_ARRAY, np.uint8)


def _kept() -> object:
    return keep(_made())


def _sum(array: Bytes) -> int:
    return int(array.sum())


async def _seconds(step: Step) -> float:
    begun = time.perf_counter()
    await step()
    return time.perf_counter() - begun


def _milliseconds(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1e3, 4)
