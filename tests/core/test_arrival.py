"""Tasks that are as old as the request that they serve."""

from __future__ import annotations

import asyncio

from xy_core.core.arrival import arrived, inherited, serving
from xy_core.core.config import LaneConfig, SchedulerConfig
from xy_core.core.scheduler import GlobalTaskScheduler


async def test_a_later_step_of_an_old_request_goes_before_newer_ones():
    order: list[str] = []

    async def step(name: str) -> None:
        order.append(name)

    config = SchedulerConfig(default=LaneConfig(min_workers=1, max_workers=1))
    async with GlobalTaskScheduler(config) as scheduler:
        scheduler.lane("default").pause()
        now = asyncio.get_running_loop().time()
        new = scheduler.submit(step, "new", name="new")
        with serving(now - 60):
            old = await asyncio.create_task(_submitted(scheduler, step))
            own = scheduler.submit(step, "own", since=now - 90)
        scheduler.lane("default").resume()
        await asyncio.gather(*(_ended(handle) for handle in (new, old, own)))
    assert order == ["own", "old", "new"]


async def _submitted(scheduler, step):
    return scheduler.submit(step, "old", name="old")


async def _ended(handle):
    await handle


def test_what_was_said_ends_with_the_block():
    with serving(1.0):
        with serving(2.0):
            assert arrived.get() == 2.0
        assert arrived.get() == 1.0
    assert arrived.get() is None


def test_later_steps_go_before_the_first_ones_of_the_same_moment():
    with serving(100.0):
        assert inherited(100.0) == 100.0
        assert inherited(101.0) < 100.0 - 0.049
    assert inherited(101.0) is None
