"""Tells Ray's autoscaler of remote work that waits in this program, where Ray cannot see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import structlog

from xy_core.cluster.config import ClusterConfig
from xy_core.cluster.connection import ray_library
from xy_core.core.scheduler import GlobalTaskScheduler

log = structlog.get_logger("cluster")

_LOOK_EVERY = 2.0
"""Seconds between two looks at what waits; Ray's autoscaler looks every five."""
_AT_MOST = 1_000
"""Tasks that are looked at, and so the most that are asked for at a time."""

Bundle = dict[str, float]
"""What one call reserves, in Ray's names: CPU, GPU, memory (bytes), and resources of the user's."""


def asking_for(fn: Callable[..., Any], bundle: Bundle) -> None:
    """Note on a function what each call of it reserves on its node."""
    fn.__dict__["bundle"] = bundle


def demand_of(functions: Iterable[Callable[..., Any]]) -> list[Bundle]:
    """Return what the calls of those functions would reserve that run on other nodes."""
    bundles = (getattr(fn, "bundle", None) for fn in functions)
    return [bundle for bundle in bundles if bundle]


@asynccontextmanager
async def hinted_demand(
    config: ClusterConfig, scheduler: GlobalTaskScheduler, look_every: float = _LOOK_EVERY
) -> AsyncIterator[None]:
    """Inside the block, ask for nodes for what waits, if ``cluster.autoscale`` says so.

    What was asked for is taken back once nothing waits, and at the end of the block.

    Args:
        config: whether to ask.
        scheduler: in whose lanes tasks wait.
        look_every: seconds between two looks.
    """
    if not (config.address and config.autoscale):
        yield
        return
    asking = asyncio.create_task(_ask(scheduler, look_every), name="cluster.demand")
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await _request([])


async def _ask(scheduler: GlobalTaskScheduler, look_every: float) -> None:
    asked: list[Bundle] = []
    while True:
        wanted = demand_of(scheduler.waiting(_AT_MOST))
        if wanted != asked and await _request(wanted):
            asked = wanted
        await asyncio.sleep(look_every)


async def _request(bundles: list[Bundle]) -> bool:
    """Let the autoscaler see to it that so much is there; False if Ray could not be told."""
    ray_library()
    from ray.autoscaler.sdk import request_resources  # noqa: PLC0415 - as Ray

    try:
        await asyncio.to_thread(request_resources, bundles=bundles)
    except Exception as error:  # noqa: BLE001 - Ray raises what it likes when its head is gone
        log.warning("Ray was not told what waits", error=str(error))
        return False
    return True
