"""Ways to run many no-op coroutines, each measured in tasks per second."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from xy_core.bench.report_scheduler import ReportScheduler
from xy_core.core.config import LaneConfig, SchedulerConfig
from xy_core.core.scheduler import GlobalTaskScheduler

Contender = Callable[[int], Coroutine[Any, Any, float]]

_WORKERS = 64


async def noop() -> None:
    """Do nothing."""


async def xy_core(count: int) -> float:
    """Run them through the full scheduler, with its trace on."""
    config = SchedulerConfig(
        default=LaneConfig(min_workers=64, max_workers=1024, queue_size=count + 1)
    )
    async with GlobalTaskScheduler(config) as scheduler:
        begun = time.perf_counter()
        handles = [scheduler.submit(noop) for _ in range(count)]
        for handle in handles:
            await handle
        return count / (time.perf_counter() - begun)


async def gather(count: int) -> float:
    """Run them as one `asyncio.gather`."""
    begun = time.perf_counter()
    await asyncio.gather(*(noop() for _ in range(count)))
    return count / (time.perf_counter() - begun)


async def queue_pool(count: int) -> float:
    """Run them by worker coroutines over a bare `asyncio.PriorityQueue`."""
    queue: asyncio.PriorityQueue[tuple[int, int]] = asyncio.PriorityQueue()

    async def work() -> None:
        while True:
            await queue.get()
            await noop()
            queue.task_done()

    workers = [asyncio.create_task(work()) for _ in range(_WORKERS)]
    begun = time.perf_counter()
    for number in range(count):
        queue.put_nowait((0, number))
    await queue.join()
    rate = count / (time.perf_counter() - begun)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return rate


async def report(count: int) -> float:
    """Run them through the report's scheduler."""
    async with ReportScheduler(_WORKERS) as scheduler:
        begun = time.perf_counter()
        futures = [await scheduler.schedule(noop) for _ in range(count)]
        await asyncio.gather(*futures)
        return count / (time.perf_counter() - begun)


async def aiojobs(count: int) -> float:
    """Run them through aiojobs."""
    from aiojobs import Scheduler  # noqa: PLC0415 - a peer, not a dependency

    async with Scheduler(limit=_WORKERS, pending_limit=0) as scheduler:
        begun = time.perf_counter()
        jobs = [await scheduler.spawn(noop()) for _ in range(count)]
        for job in jobs:
            await job.wait()
        return count / (time.perf_counter() - begun)


async def dask(count: int) -> float:
    """Run them through dask.distributed in this process."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - a peer, not a dependency

    async with (
        LocalCluster(
            processes=False,
            n_workers=1,
            threads_per_worker=2,
            dashboard_address=None,
            asynchronous=True,
        ) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):
        begun = time.perf_counter()
        await client.gather(client.map(_plain_noop, range(count), pure=False))
        return count / (time.perf_counter() - begun)


async def ray(count: int) -> float:
    """Run them through Ray on this machine.

    On the main thread: Ray's servers die with the thread that starts them.
    """
    return _ray(count)


def _ray(count: int) -> float:
    import ray as ray_  # noqa: PLC0415 - a peer, not a dependency

    if not ray_.is_initialized():
        # A cluster of its own: one that runs here already would be joined, with whatever it does.
        ray_.init(
            "local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error"
        )
    task = ray_.remote(_plain_noop)
    ray_.get([task.remote(number) for number in range(10)])
    begun = time.perf_counter()
    ray_.get([task.remote(number) for number in range(count)])
    return count / (time.perf_counter() - begun)


def close() -> None:
    """End what contenders have left running: Ray's servers, which outlive a hard exit."""
    ray_ = sys.modules.get("ray")
    if ray_ is not None:
        ray_.shutdown()


def _plain_noop(_: int) -> None:
    return None


_OPTIONAL = {
    "aiojobs": (aiojobs, "aiojobs", 1.0),
    "dask": (dask, "distributed", 0.02),
    "ray": (ray, "ray", 0.05),
}


def available() -> dict[str, tuple[Contender, float]]:
    """Return the contenders that can run here, with the share of the tasks that each gets.

    The slow ones get fewer, so that a round stays short.
    """
    found: dict[str, tuple[Contender, float]] = {
        "xy_core": (xy_core, 1.0),
        "gather": (gather, 1.0),
        "queue_pool": (queue_pool, 1.0),
        "report": (report, 1.0),
    }
    for name, (contender, package, share) in _OPTIONAL.items():
        if importlib.util.find_spec(package) is not None:
            found[name] = (contender, share)
    return found
