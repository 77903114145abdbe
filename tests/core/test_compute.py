"""Giving way: long work lends its place to more urgent work, and goes on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.core.simulated import (
    CRITICAL,
    HIGH,
    LOW,
    MEDIUM,
    G,
    Held,
    Rig,
    cancelled,
    outcome,
    outcomes,
    rig,
    virtual,
)
from xy_core.core.batching import Batching
from xy_core.core.cancellation import checkpoint
from xy_core.core.compute import give_way, give_way_async
from xy_core.core.errors import DeviceLost, TaskCancelled, TaskTimeout
from xy_core.core.job import TaskHandle
from xy_core.core.task import TaskType


class Steps:
    """Work in steps of a second that gives way between them; notes when each was done."""

    def __init__(self, sim: Rig) -> None:
        self.sim = sim
        self.done: list[tuple[str, float]] = []

    async def __call__(self, held: Held, name: str, count: int) -> str:
        for _ in range(count):
            await give_way_async()
            await held.gpu.compute(1.0)
            self.done.append((name, self.sim.now))
        return name

    def submit(self, name: str, count: int, **options: Any) -> TaskHandle[str]:
        base: dict[str, Any] = {"model": "a", "task_type": TaskType.GPU_BOUND, "name": name}
        return self.sim.scheduler.submit(self.work, name, count, **base | options)

    async def work(self, held: Held, name: str, count: int) -> str:
        return await self(held, name, count)

    def order(self) -> str:
        return " ".join(name for name, _ in self.done)


async def ready(sim: Rig) -> Steps:
    sim.model("a", 1)
    await sim.submit("a", seconds=0.1)
    return Steps(sim)


@virtual
async def test_background_work_gives_way_and_goes_on():
    async with rig(8) as sim:
        steps = await ready(sim)
        low = steps.submit("low", 4, priority=LOW)
        await asyncio.sleep(1.5)
        high = steps.submit("high", 2, priority=HIGH)
        await asyncio.sleep(1)
        figures = sim.scheduler.statistics()["device:sim"]
        assert (figures.running, figures.waiting) == (1, 0)
        assert high.info.worker != low.info.worker
        assert await outcomes([high, low]) == ["high", "low"]
        assert steps.order() == "low low high high low low"
        assert [event.event for event in sim.scheduler.trace].count("task_gave_way") == 1


@virtual
async def test_nobody_gives_way_without_need():
    async with rig(8, slots=2) as sim:
        steps = await ready(sim)
        handles = [
            steps.submit("low", 3, priority=LOW),
            steps.submit("high", 2, priority=HIGH),
            steps.submit("medium", 1, priority=MEDIUM),
        ]
        await outcomes(handles)
        assert "task_gave_way" not in [event.event for event in sim.scheduler.trace]


@virtual
async def test_nobody_gives_way_to_its_equal_or_to_medium_work():
    async with rig(8) as sim:
        steps = await ready(sim)
        first = steps.submit("first", 2, priority=HIGH)
        await asyncio.sleep(0.5)
        await outcomes([first, steps.submit("second", 1, priority=HIGH)])
        low = steps.submit("low", 2, priority=LOW)
        await asyncio.sleep(0.5)
        await outcomes([low, steps.submit("medium", 1, priority=MEDIUM)])
        assert steps.order() == "first first second low low medium"


@virtual
async def test_critical_goes_over_high_over_low():
    async with rig(8) as sim:
        steps = await ready(sim)
        low = steps.submit("low", 2, priority=LOW)
        await asyncio.sleep(0.5)
        high = steps.submit("high", 3, priority=HIGH)
        await asyncio.sleep(1)
        critical = steps.submit("critical", 2, priority=CRITICAL)
        await outcomes([critical, high, low])
        assert steps.order() == "low high critical critical high high low"


@virtual
async def test_on_two_devices_labels_do_not_run_out():
    async with rig(8, 8) as sim:
        steps = await ready(sim)
        handles = []
        for number in range(24):
            priority = (LOW, HIGH, CRITICAL)[number % 3]
            handles.append(steps.submit(str(number), 3, priority=priority, device="sim:0"))
            await asyncio.sleep(0.3)
        assert await outcomes(handles) == [str(number) for number in range(24)]
        again = [steps.submit("x", 1, device="sim:0") for _ in range(3)]
        await outcomes(again)
        assert {handle.info.worker for handle in again} <= {f"sim:0-{n}" for n in range(3)}


@virtual
async def test_background_work_does_not_starve():
    async with rig(8, aging=10.0) as sim:
        steps = await ready(sim)
        low = steps.submit("low", 2, priority=LOW)
        await asyncio.sleep(0.5)

        async def talk() -> None:
            while not low.done():
                steps.submit("high", 1, priority=HIGH)
                await asyncio.sleep(0.9)

        talking = asyncio.create_task(talk())
        await low
        assert sim.now < 60
        await talking


@virtual
async def test_the_model_of_what_gave_way_stays():
    async with rig(8) as sim:
        steps = await ready(sim)
        sim.model("b", 8)
        low = steps.submit("low", 3, priority=LOW)
        await asyncio.sleep(0.5)
        high = sim.submit("b", priority=HIGH)
        await outcomes([low, high])
        assert steps.order() == "low low low"
        assert sim.order() == "a b"


@virtual
async def test_cancelled_while_it_gave_way():
    async with rig(8) as sim:
        steps = await ready(sim)
        low = steps.submit("low", 3, priority=LOW)
        await asyncio.sleep(0.5)
        high = steps.submit("high", 3, priority=HIGH)
        await asyncio.sleep(1)
        low.cancel()
        await low.released()
        assert sim.now == pytest.approx(2.6)
        await high
        assert steps.order() == "low high high high"
        assert await steps.submit("next", 1) == "next"


@virtual
async def test_a_timeout_counts_while_it_gave_way():
    async with rig(8) as sim:
        steps = await ready(sim)
        low = steps.submit("low", 3, priority=LOW, timeout=4)
        await asyncio.sleep(0.5)
        high = steps.submit("high", 5, priority=HIGH)
        assert isinstance(await outcome(low), TaskTimeout)
        assert await high == "high"


@virtual
async def test_a_batch_gives_way_and_one_cancelled_member_does_not_bring_it_back():
    async with rig(8) as sim:
        steps = await ready(sim)
        running: list[int] = []

        async def draw(held: Held, items: list[str]) -> list[str]:
            for _ in range(3):
                await give_way_async()
                running.append(held.gpu.running)
                await held.gpu.compute(1.0)
            return items

        def submit(item: str) -> TaskHandle[str]:
            return sim.scheduler.submit(
                draw,
                item,
                model="a",
                task_type=TaskType.GPU_BOUND,
                batching=Batching(3),
                priority=LOW,
            )

        sim.lane.pause()
        members = [submit(item) for item in "xyz"]
        sim.lane.resume()
        await asyncio.sleep(0.5)
        high = steps.submit("high", 3, priority=HIGH)
        await asyncio.sleep(1)
        members[0].cancel()
        results = await outcomes([*members, high])
        assert cancelled(results[0])
        assert results[1:] == ["y", "z", "high"]
        assert running == [0, 0, 0], "it went on without a slot"


@virtual
async def test_a_batch_that_gave_way_ends_when_all_its_members_are_cancelled():
    async with rig(8) as sim:
        steps = await ready(sim)

        async def draw(held: Held, _: list[int]) -> list[str]:
            while True:
                await give_way_async()
                await held.gpu.compute(1.0)

        options: Any = {"model": "a", "task_type": TaskType.GPU_BOUND, "batching": Batching(2)}
        sim.lane.pause()
        members = [sim.scheduler.submit(draw, n, priority=LOW, **options) for n in range(2)]
        sim.lane.resume()
        await asyncio.sleep(0.5)
        high = steps.submit("high", 3, priority=HIGH)
        await asyncio.sleep(1)
        for member in members:
            member.cancel()
            await asyncio.sleep(0.1)
        await members[0].released()
        assert not high.done()
        assert await high == "high"


@virtual
async def test_what_runs_goes_on_in_a_paused_lane():
    async with rig(8) as sim:
        steps = await ready(sim)
        low = steps.submit("low", 3, priority=LOW)
        await asyncio.sleep(0.5)
        high = steps.submit("high", 1, priority=HIGH)
        sim.lane.pause()
        await low
        assert not high.done()
        sim.lane.resume()
        low = steps.submit("low", 3, priority=LOW)
        await asyncio.sleep(1.5)
        await high
        high = steps.submit("high", 2, priority=HIGH)
        await asyncio.sleep(1)
        sim.lane.pause()  # while low has given way
        await outcomes([high, low])
        sim.lane.resume()


@virtual
async def test_what_gave_way_on_a_lost_device_is_told():
    async with rig(8) as sim:
        steps = await ready(sim)
        low = steps.submit("low", 3, priority=LOW)
        await asyncio.sleep(0.5)
        high = steps.submit("high", 3, priority=HIGH)
        await asyncio.sleep(1)
        sim.gpu.fail()
        results = await outcomes([low, high])
        assert all(isinstance(one, DeviceLost) for one in results)


@virtual
async def test_two_parts_of_one_task_may_both_give_way():
    async with rig(8) as sim:
        steps = await ready(sim)

        async def both(held: Held) -> str:
            async def part() -> None:
                for _ in range(4):
                    await give_way_async()
                    await held.gpu.compute(0.5)

            async with asyncio.TaskGroup() as group:
                group.create_task(part())
                group.create_task(part())
            return "both"

        low = sim.scheduler.submit(both, model="a", task_type=TaskType.GPU_BOUND, priority=LOW)
        for _ in range(4):
            await asyncio.sleep(0.7)
            steps.submit("high", 1, priority=HIGH)
        assert await low == "both"


@virtual
async def test_stopping_ends_what_gave_way():
    async with rig(8) as sim:
        steps = await ready(sim)
        low = steps.submit("low", 3, priority=LOW)
        await asyncio.sleep(0.5)
        high = steps.submit("high", 30, priority=HIGH)
        await asyncio.sleep(1)
    assert cancelled(await outcome(low))
    assert cancelled(await outcome(high))


@virtual
async def test_urgent_work_preempts_what_runs_not_what_gave_way():
    async with rig(8) as sim:
        steps = await ready(sim)
        low = steps.submit("low", 3, priority=LOW, preemptible=True)
        await asyncio.sleep(0.5)
        high = steps.submit("high", 2, priority=HIGH)
        results = await outcomes([high, low])
        assert results == ["high", "low"]
        assert sim.gpu.running == 0


def test_outside_of_a_task_nothing_happens():
    give_way()
    asyncio.run(give_way_async())


# -- on threads ------------------------------------------------------------------------------


class Thread:
    """Work on a thread that gives way again and again until it is let go."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.let_go = threading.Event()
        self.rounds = 0

    def __call__(self, *_: Any) -> str:
        self.started.set()
        while not self.let_go.wait(0.001):
            give_way()
            self.rounds += 1
        return "done"

    async def wait_started(self) -> None:
        assert await asyncio.to_thread(self.started.wait, 10)


def on_thread(sim: Rig, work: Any, **options: Any) -> TaskHandle[Any]:
    return sim.scheduler.submit(work, task_type=TaskType.GPU_BOUND, **options)


async def test_a_thread_gives_way_and_goes_on():
    async with rig(8) as sim:
        low, high = Thread(), Thread()
        first = on_thread(sim, low, priority=LOW)
        await low.wait_started()
        second = on_thread(sim, high, priority=HIGH)
        await high.wait_started()
        rounds = low.rounds
        critical = Thread()
        third = on_thread(sim, critical, priority=CRITICAL)
        await critical.wait_started()
        for thread in (critical, high, low):
            thread.let_go.set()
        assert await outcomes([first, second, third]) == ["done"] * 3
        assert low.rounds >= rounds
        assert sim.scheduler.statistics()["device:sim"].running == 0


async def test_a_thread_is_cancelled_while_it_gave_way():
    async with rig(8) as sim:
        low, high = Thread(), Thread()
        first = on_thread(sim, low, priority=LOW)
        await low.wait_started()
        second = on_thread(sim, high, priority=HIGH)
        await high.wait_started()
        first.cancel()
        await asyncio.wait_for(first.released(), 10)
        assert not second.done()
        high.let_go.set()
        assert await second == "done"


async def test_a_cancelled_thread_that_has_not_looked_yet_does_not_block_the_stop():
    held, go = threading.Event(), threading.Event()

    def blind() -> None:
        checkpoint()
        held.set()
        go.wait(10)
        give_way()

    async with rig(8) as sim:
        low = on_thread(sim, blind, priority=LOW)
        await asyncio.to_thread(held.wait, 10)
        high = on_thread(sim, Thread(), priority=HIGH)
        low.cancel()
        go.set()
        await asyncio.wait_for(low.released(), 10)
        with pytest.raises(TaskCancelled):
            low.result()
        high.cancel()


async def test_a_batch_on_a_thread_gives_way():
    async with rig(8) as sim:
        work, high = Thread(), Thread()

        def batch(items: list[int]) -> list[str]:
            return [work()] * len(items)

        options: Any = {"batching": Batching(2, max_wait=5), "priority": LOW, "memory": G}
        handles = [
            sim.scheduler.submit(batch, n, task_type=TaskType.GPU_BOUND, **options)
            for n in range(2)
        ]
        await work.wait_started()
        second = on_thread(sim, high, priority=HIGH)
        await high.wait_started()
        high.let_go.set()
        work.let_go.set()
        assert await outcomes([*handles, second]) == ["done"] * 3


async def test_stopping_ends_threads_that_gave_way():
    low, high = Thread(), Thread()
    async with rig(8) as sim:
        first = on_thread(sim, low, priority=LOW)
        await low.wait_started()
        second = on_thread(sim, high, priority=HIGH)
        await high.wait_started()
    assert cancelled(await outcome(first))
    assert cancelled(await outcome(second))
    await asyncio.wait_for(asyncio.gather(first.released(), second.released()), 10)
