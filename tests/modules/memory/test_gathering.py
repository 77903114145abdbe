"""When background work of the memory is done; on a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from xy_core.core.clock import VirtualLoop
from xy_core.modules.memory.background import Gathering, Item, Writer
from xy_core.modules.memory.types import Memory


def on_virtual_time(scenario):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scenario)


async def taken(gathering: Gathering) -> float:
    now = asyncio.get_running_loop().time
    begun = now()
    await gathering.over()
    return round(now() - begun, 3)


def test_it_waits_for_quiet():
    async def scenario():
        gathering = Gathering(1.0, 30.0)
        assert await taken(gathering) == 1.0
        waiting = asyncio.create_task(taken(gathering))
        for _ in range(4):
            await asyncio.sleep(0.5)
            with gathering.disturbed():
                await asyncio.sleep(0.25)
                assert not gathering.quiet
        return await waiting

    assert on_virtual_time(scenario()) == 4.0


def test_it_does_not_wait_for_ever():
    async def scenario():
        gathering = Gathering(1.0, 5.0)
        waiting = asyncio.create_task(taken(gathering))
        while not waiting.done():
            with gathering.disturbed():
                await asyncio.sleep(0.5)
        return await waiting

    assert on_virtual_time(scenario()) == 5.0


@pytest.mark.parametrize("before", [0.0, 0.5])
def test_it_is_over_at_once_for_somebody_who_waits(before):
    async def scenario():
        gathering = Gathering(1.0, 5.0)
        waiting = asyncio.create_task(taken(gathering))
        await asyncio.sleep(before)
        with gathering.hurried():
            return await waiting

    assert on_virtual_time(scenario()) == before


def test_it_does_not_begin_while_something_slow_goes_on():
    async def scenario():
        gathering = Gathering(1.0, 30.0)
        waiting = asyncio.create_task(taken(gathering))
        with gathering.disturbed():
            await asyncio.sleep(8)
        return await waiting

    assert on_virtual_time(scenario()) == 9.0


def test_writes_let_recalls_go_first_but_not_for_ever():
    async def scenario():
        written: list[float] = []
        now = asyncio.get_running_loop().time
        begun = now()
        writer = Writer(9, Gathering(0.2, 1.0))

        async def write(batch: Sequence[Item]) -> None:
            written.extend(now() for _ in batch)

        running = asyncio.create_task(writer.run(write))
        await writer.put(Memory("user", "a", "lin", 0.0))
        for _ in range(15):
            with writer.recalling():
                await asyncio.sleep(0.1)
        await writer.put(Memory("user", "b", "wu", 0.0))
        with writer.recalling():
            await writer.written("wu")
        running.cancel()
        return [round(one - begun, 2) for one in written]

    assert on_virtual_time(scenario()) == [1.0, 1.5]
