"""Models come before they are needed, where they are needed, and to more devices when it pays."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.core.simulated import G, Held, outcome, outcomes, rig, virtual
from xy_core.core.batching import Batching
from xy_core.core.errors import DeviceMemoryError, ModelLoadError
from xy_core.core.model import ModelState
from xy_core.core.task import TaskType

READY, COLD, FAILED = ModelState.READY, ModelState.COLD, ModelState.FAILED


@virtual
async def test_the_next_model_comes_while_the_current_one_computes():
    async with rig(8) as sim:
        sim.model("a", 3)
        sim.model("b", 3)
        await outcomes([sim.submit("a", seconds=5), sim.submit("b")])
        assert [(run.name, run.begun) for run in sim.runs] == [("a", 3), ("b", 8)]


@virtual
async def test_not_if_the_current_one_would_have_to_go_for_it():
    async with rig(8) as sim:
        sim.model("a", 5)
        sim.model("b", 5)
        await outcomes([sim.submit("a", seconds=5), sim.submit("b")])
        assert [(run.name, run.begun) for run in sim.runs] == [("a", 5), ("b", 15)]


@virtual
async def test_a_model_whose_tasks_are_due_sooner_does_not_go():
    async with rig(8, affinity=5.0) as sim:
        sim.model("a", 5)
        sim.model("b", 5)
        await sim.submit("a")
        handles = [sim.submit("a", seconds=1) for _ in range(5)]
        handles.append(sim.submit("b"))
        await asyncio.sleep(2)
        handles.append(sim.submit("a", name="later"))
        await outcomes(handles)
        assert sim.order() == "a a a a a a later b"


@virtual
async def test_the_model_whose_task_is_due_last_goes():
    async with rig(8, affinity=0.0) as sim:
        for name in "abc":
            sim.model(name, 3)
        await outcomes([sim.submit("a"), sim.submit("b")])
        busy = sim.submit(None, seconds=5, name="busy")
        await asyncio.sleep(0.5)
        handles = [sim.submit("c")]
        await asyncio.sleep(0.5)
        handles += [sim.submit("b")]
        await asyncio.sleep(0.5)
        handles += [sim.submit("a")]
        await outcomes([busy, *handles])
        assert sim.loads("b") == 1
        assert sim.loads("a") == 2


@virtual
async def test_five_models_in_turn_change_rarely():
    async with rig(8, affinity=30.0) as sim:
        for name in "abcde":
            sim.model(name, 4)
        handles = [sim.submit("abcde"[n % 5], seconds=0.1) for n in range(100)]
        await outcomes(handles)
        assert sum(sim.loads(name) for name in "abcde") == 5


@virtual
async def test_one_model_is_not_loaded_twice_for_tasks_of_one_moment():
    async with rig(8, 8) as sim:
        sim.model("a", 5)
        await outcomes([sim.submit("a", seconds=1), sim.submit("a", seconds=1)])
        assert sim.loads("a") == 1


@virtual
async def test_models_are_spread_over_devices():
    async with rig(8, 8) as sim:
        for name in "abcd":
            sim.model(name, 3)
        await outcomes([sim.submit(name) for name in "abcd"])
        held = [sum(state is READY for state in sim.states(n).values()) for n in range(2)]
        assert held == [2, 2]


@virtual
async def test_a_hot_model_comes_to_a_further_device():
    async with rig(8, 8) as sim:
        sim.model("a", 2)
        await sim.submit("a", seconds=1)
        begun = sim.now
        handles = [sim.submit("a", seconds=1) for _ in range(20)]
        devices = Counter(await outcomes(handles))
        assert sim.loads("a") == 2
        assert min(devices.values()) >= 8
        assert sim.now - begun <= 12


@virtual
async def test_no_further_device_for_a_short_queue_or_in_place_of_waiting_work():
    async with rig(8, 8) as sim:
        sim.model("a", 5)
        sim.model("b", 5)
        await sim.submit("a", seconds=1)
        await outcomes([sim.submit("a", seconds=1) for _ in range(4)])
        assert sim.loads("a") == 1
        other = [sim.submit("b", seconds=1) for _ in range(4)]
        await outcomes([sim.submit("a", seconds=1) for _ in range(20)] + other)
        assert sim.loads("b") == 1


@virtual
async def test_a_batch_counts_as_one_run_in_the_estimate_of_the_queue():
    async with rig(8, 8) as sim:
        sim.model("a", 5)

        async def quick(held: Held, items: list[int]) -> list[int]:
            await held.gpu.compute(1.0)
            return items

        for count in (16, 48):  # 48 tasks are three runs: not worth a load of five seconds
            handles = [
                sim.scheduler.submit(
                    quick, n, model="a", task_type=TaskType.GPU_BOUND, batching=Batching(16)
                )
                for n in range(count)
            ]
            await outcomes(handles)
        assert sim.loads("a") == 1


@virtual
async def test_work_without_a_model_is_balanced():
    async with rig(8, 8, slots=2) as sim:
        handles = [sim.submit(None, memory=1) for _ in range(4)]
        await asyncio.sleep(0)
        running = [device.running for device in sim.scheduler.devices()]
        assert running == [2, 2]
        await outcomes(handles)


@virtual
async def test_a_large_model_goes_to_the_device_that_can_take_it():
    async with rig(4, 16) as sim:
        sim.model("a", 10)
        sim.model("b", 3)
        assert await outcomes([sim.submit("a"), sim.submit("b")]) == ["sim:1", "sim:0"]


@virtual
async def test_a_task_too_large_beside_its_model_here_goes_where_there_is_room():
    async with rig(4, 16) as sim:
        sim.model("a", 3)
        await sim.submit("a", device="sim:0")
        assert await sim.submit("a", memory=8) == "sim:1"


@virtual
async def test_a_load_that_fails_on_one_device_is_tried_on_another():
    async with rig(8, 8) as sim:
        sim.model("a", 3)
        sim.errors["a"] = [OSError("bad card")]
        assert await sim.submit("a") in {"sim:0", "sim:1"}
        assert sorted(sim.states(n)["a"] for n in range(2)) == [FAILED, READY]


@virtual
async def test_a_load_that_fails_everywhere_fails_the_tasks():
    async with rig(8, 8) as sim:
        sim.model("a", 3)
        sim.errors["a"] = [OSError("bad file") for _ in range(2)]
        results = await outcomes([sim.submit("a") for _ in range(3)])
        assert all(isinstance(one, ModelLoadError) for one in results)


@virtual
async def test_tasks_of_other_models_go_on_when_one_fails():
    async with rig(8) as sim:
        sim.model("a", 3)
        sim.model("b", 3)
        sim.errors["a"] = [OSError("bad file")]
        results = await outcomes([sim.submit("a"), sim.submit("b"), sim.submit("a")])
        assert isinstance(results[0], ModelLoadError)
        assert results[1] == "sim:0"


@virtual
async def test_a_model_that_does_not_fit_beside_the_pinned_ones_is_refused_clearly():
    async with rig(8) as sim:
        sim.model("p", 6, pinned=True)
        sim.model("a", 3)
        await sim.submit("p")
        assert isinstance(await outcome(sim.submit("a")), DeviceMemoryError)
        assert await sim.submit("p") == "sim:0"


@virtual
async def test_two_devices_serve_twice_as_much():
    async with rig(8) as sim:
        sim.model("a", 1)
        await outcomes([sim.submit("a", seconds=1) for _ in range(100)])
        alone = sim.now
    async with rig(8, 8) as sim:
        sim.model("a", 1)
        await outcomes([sim.submit("a", seconds=1) for _ in range(100)])
        assert alone / sim.now >= 1.9


@virtual
async def test_what_waits_is_brought_when_other_programs_leave():
    async with rig(8, 8) as sim:
        for gpu in sim.gpus:
            gpu.occupy(7 * G)
        sim.model("a", 3)
        handle = sim.submit("a")
        await asyncio.sleep(10)
        sim.gpus[1].occupy(0)
        assert await handle == "sim:1"
        assert sim.now == pytest.approx(14, abs=0.4)
