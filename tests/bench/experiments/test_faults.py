"""Faults that are really brought about."""

from __future__ import annotations

import asyncio

import pytest

from tests.core.host_guests import Guest
from xy_core.bench.experiments.faults import KINDS, Faults
from xy_core.core.config import HostConfig
from xy_core.core.host import ModelHost


async def test_each_kind_in_turn(scheduler):
    faults = Faults(scheduler, seed=1)
    host = ModelHost("guest", Guest, begin="load", config=HostConfig(backoff=0.01))
    await asyncio.to_thread(host.start)
    try:
        first = host.pid
        turn = asyncio.create_task(asyncio.sleep(600, result=True))
        for _ in KINDS:
            await faults.next({turn})
        assert faults.done == dict.fromkeys(KINDS, 1)
        assert await asyncio.to_thread(host.call, "pid") != first
        with pytest.raises(asyncio.CancelledError):
            await turn
    finally:
        await asyncio.to_thread(host.stop)


async def test_there_may_be_nothing_to_kill_or_cancel(scheduler):
    faults = Faults(scheduler, seed=1)
    await faults.next(set())
    await faults.next(set())
    assert faults.done == {"kill": 1, "cancel": 1}
