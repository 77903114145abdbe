"""What tasks say they need, corrected by what they report."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.core.simulated import G, outcomes, rig, virtual
from xy_core.core.batching import Batching
from xy_core.core.compute import report_peak
from xy_core.core.peaks import PeakTable
from xy_core.core.task import TaskType


def test_what_is_declared_counts_while_nothing_is_known():
    assert PeakTable().expect("m", "draw", 100) == 100


def test_one_report_raises_what_is_declared():
    table = PeakTable()
    table.learn("m", "draw", 100, 200)
    assert table.expect("m", "draw", 100) == 210
    assert table.expect("m", "draw", 1000) == 2100
    assert table.expect("m", "see", 100) == 100
    assert table.expect("n", "draw", 100) == 100


def test_three_reports_lower_it():
    table = PeakTable()
    for number in range(3):
        assert table.expect("m", "draw", 100) == 100, number
        table.learn("m", "draw", 100, 40 + number)
    assert table.expect("m", "draw", 100) == 44


def test_old_reports_are_forgotten():
    table = PeakTable()
    table.learn("m", "draw", 100, 900)
    for _ in range(16):
        table.learn("m", "draw", 100, 50)
    assert table.expect("m", "draw", 100) == 52


def test_kinds_that_declare_nothing_need_what_they_reported():
    table = PeakTable()
    table.learn(None, "draw", 0, 200)
    assert table.expect(None, "draw", 0) == 210


def test_only_so_many_kinds_are_remembered():
    table = PeakTable()
    for number in range(2000):
        table.learn(None, f"task {number}", 100, 200)
    assert table.expect(None, "task 0", 100) == 100
    assert table.expect(None, "task 1999", 100) == 210


@virtual
async def test_the_next_task_of_a_kind_gets_what_the_last_one_took():
    async with rig(8, slots=2) as sim:

        async def draw() -> int:
            report_peak(3 * G)
            report_peak(5 * G)
            report_peak(4 * G)
            await asyncio.sleep(1)
            return sim.scheduler.devices()[0].memory.promised

        def submit() -> Any:
            return sim.scheduler.submit(draw, memory=G, task_type=TaskType.GPU_BOUND, device="sim")

        assert await submit() == G
        # 5.25 GiB each from now on: two no longer fit side by side
        assert await outcomes([submit(), submit()]) == [int(5.25 * G)] * 2
        assert sim.now == 3


@virtual
async def test_a_report_beyond_the_device_does_not_lock_tasks_out():
    async with rig(8) as sim:
        sim.model("a", 3)

        async def draw(*_: Any) -> str:
            report_peak(500 * G)
            return "done"

        for model in ("a", "a", None, None):
            options: Any = {"model": model, "task_type": TaskType.GPU_BOUND, "memory": G}
            assert await sim.scheduler.run(draw, **options) == "done"


@virtual
async def test_a_batch_reports_for_all_its_members():
    async with rig(8) as sim:

        async def draw(items: list[int]) -> list[int]:
            report_peak(len(items) * G)
            return [sim.scheduler.devices()[0].memory.promised] * len(items)

        def submit() -> Any:
            return sim.scheduler.submit(
                draw, 1, batching=Batching(4), memory=G // 2, task_type=TaskType.GPU_BOUND
            )

        sim.lane.pause()
        handles = [submit() for _ in range(4)]
        sim.lane.resume()
        await outcomes(handles)
        assert await submit() == int(1.05 * G)


def test_outside_of_a_task_a_report_does_nothing():
    report_peak(100)
