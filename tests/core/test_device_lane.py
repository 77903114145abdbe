"""Tasks on devices: running out of memory, losing a device, cancelling at every stage, stopping."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import pytest

from tests.core.simulated import (
    HIGH,
    LOW,
    G,
    Held,
    Rig,
    cancelled,
    outcome,
    outcomes,
    rig,
    virtual,
)
from xy_core.core.arrival import serving
from xy_core.core.cancellation import checkpoint
from xy_core.core.compute import give_way_async
from xy_core.core.errors import (
    DeviceLost,
    InvalidTaskError,
    OutOfDeviceMemory,
    SchedulerClosed,
    TaskCancelled,
    TaskTimeout,
)
from xy_core.core.job import TaskHandle
from xy_core.core.model import ModelSpec, ModelState, Variant
from xy_core.core.task import TaskStatus, TaskType

READY, COLD = ModelState.READY, ModelState.COLD
DEVICE: dict[str, Any] = {"task_type": TaskType.GPU_BOUND}


def hungry(sim: Rig, model: str | None, working: float, **options: Any) -> TaskHandle[Any]:
    """A task that takes more memory than it says."""

    async def work(held: Held | None = None) -> str:
        gpu = held.gpu if held is not None else sim.gpu
        await gpu.compute(1.0, working=int(working * G))
        return "full" if held is None else f"{held.size / G:g}"

    return sim.scheduler.submit(work, model=model, **DEVICE | options)


# -- running out of memory -------------------------------------------------------------------


@virtual
async def test_out_of_memory_idle_models_go_and_the_task_is_run_again():
    async with rig(8) as sim:
        sim.model("a", 2, 1)
        sim.model("b", 4)
        await outcomes([sim.submit("b"), sim.submit("a")])
        handle = hungry(sim, "a", 5)
        assert await handle == "2"
        assert sim.states() == {"a": READY, "b": COLD}
        assert sim.gpu.out_of_memory_errors == 1
        assert handle.info.attempts == 1
        events = [event.event for event in sim.scheduler.trace if event.task is handle.info]
        assert events.count("task_requeued") == 1


@virtual
async def test_out_of_memory_again_the_model_becomes_smaller():
    async with rig(8) as sim:
        sim.model("a", 4, 3, 1)
        assert await hungry(sim, "a", 6) == "1"
        assert sim.gpu.out_of_memory_errors == 3
        assert [m.variant for _, m in sim.moves if m.state is READY] == ["full", "partial", "host"]
        await sim.submit("a")
        assert sim.states() == {"a": READY}


@virtual
async def test_out_of_memory_with_nothing_left_to_give_up_fails_the_task_alone():
    async with rig(8) as sim:
        sim.model("a", 4, 3)
        others = [sim.submit("a") for _ in range(3)]
        result = await outcome(hungry(sim, "a", 9))
        assert isinstance(result, OutOfDeviceMemory)
        assert await outcomes(others) == ["sim:0"] * 3
        assert await sim.submit("a") == "sim:0"


@virtual
async def test_a_task_without_a_model_is_run_again_once():
    async with rig(8) as sim:
        sim.model("a", 4)
        await sim.submit("a")
        assert await hungry(sim, None, 6) == "full"
        assert sim.states() == {"a": COLD}
        assert isinstance(await outcome(hungry(sim, None, 9)), OutOfDeviceMemory)
        assert sim.gpu.out_of_memory_errors == 3


@virtual
async def test_it_waits_while_room_is_made():
    async with rig(8, swap=8) as sim:
        sim.model("a", 2)
        sim.model("b", 4, swaps=True)
        await outcomes([sim.submit("b"), sim.submit("a")])
        begun = sim.now
        assert await hungry(sim, "a", 5) == "2"
        assert sim.now - begun == pytest.approx(1 + 1)  # 4 GiB to host RAM at 4 GiB/s
        assert sim.gpu.out_of_memory_errors == 1


@virtual
async def test_the_timeout_of_the_first_run_does_not_end_the_second():
    async with rig(8) as sim:
        sim.model("b", 4)
        await sim.submit("b")
        tries = []

        async def late() -> str:
            tries.append(sim.now)
            await sim.gpu.compute(3.0)
            if len(tries) < 2:
                raise OutOfDeviceMemory("fragmented")
            return "done"

        assert await sim.scheduler.run(late, timeout=4, **DEVICE) == "done"
        assert len(tries) == 2


@virtual
async def test_a_pinned_model_stays_even_then():
    async with rig(8) as sim:
        sim.model("p", 4, pinned=True)
        await sim.submit("p")
        assert isinstance(await outcome(hungry(sim, None, 6)), OutOfDeviceMemory)
        assert sim.states() == {"p": READY}


@virtual
async def test_a_stream_is_not_run_again():
    async with rig(8) as sim:
        sim.model("a", 4)
        begun = []

        async def tokens(held: Held) -> Any:
            begun.append(sim.now)
            yield "one"
            await held.gpu.compute(1.0, working=5 * G)
            yield "two"

        stream = sim.scheduler.stream(tokens, model="a", **DEVICE)
        assert await anext(stream) == "one"
        with pytest.raises(OutOfDeviceMemory):
            await anext(stream)
        assert len(begun) == 1


@virtual
async def test_foreign_memory_that_grows_while_a_task_computes():
    async with rig(8) as sim:
        sim.model("a", 2)
        await sim.submit("a")
        sim.gpu.occupy(5 * G)
        handle = hungry(sim, "a", 3, memory=3 * G)
        await asyncio.sleep(20)
        assert not handle.done()
        sim.gpu.occupy(0)
        assert await handle == "2"


# -- a device that disappears ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "served"), [(0.5, 0), (2.5, 0), (4.5, 2)], ids=["loading", "running", "waiting"]
)
@virtual
async def test_without_another_device_tasks_are_told(after: float, served: int):
    async with rig(8) as sim:
        sim.model("a", 2)
        sim.model("b", 7)
        handles = [sim.submit("a", seconds=1), sim.submit("a", seconds=1), sim.submit("b")]
        await asyncio.sleep(after)
        sim.gpu.fail()
        results = await outcomes(handles)
        assert isinstance(results[2], DeviceLost)
        assert results.count("sim:0") == served
        with pytest.raises(DeviceLost):
            sim.submit("a")
        figures = sim.scheduler.devices()[0]
        assert figures.memory is None
        assert all(one.state is COLD for one in figures.models)


@pytest.mark.parametrize("after", [0.0, 0.5, 2.5, 3.5, 5.0])
@virtual
async def test_another_device_takes_over(after: float):
    async with rig(8, 8) as sim:
        sim.model("a", 2)
        sim.model("b", 7)
        handles = [sim.submit("a", seconds=1) for _ in range(3)] + [sim.submit("b")]
        await asyncio.sleep(after)
        sim.gpus[0].fail()
        results = await outcomes(handles)
        assert set(results) <= {"sim:0", "sim:1"}
        assert await sim.submit("a") == "sim:1"


@virtual
async def test_a_task_that_must_have_the_lost_device_fails():
    async with rig(8, 8) as sim:
        sim.model("a", 2)
        handles = [sim.submit("a", device="sim:0", seconds=5) for _ in range(3)]
        await asyncio.sleep(3)
        sim.gpus[0].fail()
        assert all(isinstance(one, DeviceLost) for one in await outcomes(handles))
        assert await sim.submit("a", device="sim") == "sim:1"


@virtual
async def test_an_idle_device_that_is_lost_is_noticed():
    async with rig(8, 8) as sim:
        sim.model("a", 2)
        await sim.submit("a", device="sim:0")
        sim.gpus[0].fail()
        assert sim.scheduler.devices()[0].memory is None
        assert sim.states(0) == {"a": COLD}
        assert await sim.submit("a") == "sim:1"


@virtual
async def test_a_device_that_comes_back_is_used_again():
    async with rig(8) as sim:
        sim.model("a", 2)
        await sim.submit("a")
        read = sim.gpu.read_memory

        def gone() -> Any:
            raise DeviceLost("sim:0 hung up")

        sim.gpu.read_memory = gone  # type: ignore[method-assign]
        assert sim.scheduler.devices()[0].memory is None
        with pytest.raises(DeviceLost):
            sim.submit("a")
        sim.gpu.read_memory = read  # type: ignore[method-assign]
        sim.gpu.unload(2 * G)  # it has forgotten what it held
        assert await sim.submit("a") == "sim:0"


@virtual
async def test_a_task_that_loses_every_device_ends():
    async with rig(8, 8, 8) as sim:
        runs = []

        async def poison() -> None:
            runs.append(sim.now)
            await asyncio.sleep(1)
            raise DeviceLost("illegal memory access")

        for gpu in sim.gpus:
            gpu.occupy(G)
        waiting = sim.submit(None, memory=8)  # as long as it waits, devices are asked again
        result = await outcome(sim.scheduler.submit(poison, **DEVICE))
        assert isinstance(result, DeviceLost)
        assert len(runs) <= 4
        waiting.cancel()


@virtual
async def test_a_stream_on_a_lost_device_fails_at_once():
    async with rig(8, 8) as sim:
        sim.model("a", 1)

        async def tokens(held: Held) -> Any:
            yield held.gpu.name
            await held.gpu.compute(10.0)

        stream = sim.scheduler.stream(tokens, model="a", **DEVICE)
        name = await anext(stream)
        next(gpu for gpu in sim.gpus if gpu.name == name).fail()
        with pytest.raises(DeviceLost):
            await anext(stream)
        assert await sim.submit("a") != name


# -- cancelling ------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0.0, 1.0, 2.5], ids=["waiting", "loading", "running"])
@virtual
async def test_cancelling_at_any_stage(after: float):
    async with rig(8) as sim:
        sim.model("a", 2)
        first, second = sim.submit("a", seconds=1), sim.submit("a", seconds=1)
        await asyncio.sleep(after)
        assert first.cancel()
        assert not first.cancel()
        assert cancelled(await outcome(first))
        assert await second == "sim:0"
        assert sim.now <= 4


@virtual
async def test_cancelling_what_waits_for_memory_lets_others_pass():
    async with rig(8, slots=3, affinity=0.0) as sim:
        sim.submit(None, seconds=20, memory=5)
        await asyncio.sleep(0.5)
        large = sim.submit(None, memory=6)
        await asyncio.sleep(0.5)
        small = sim.submit(None, memory=2)
        await asyncio.sleep(1)
        assert small.info.status is TaskStatus.PENDING
        large.cancel()
        await small
        assert sim.now < 6


@virtual
async def test_a_deadline_passes_while_the_model_loads():
    async with rig(8) as sim:
        sim.model("a", 5)
        result = await outcome(sim.submit("a", deadline=2))
        assert isinstance(result, TaskTimeout)
        assert "waiting" in str(result)
        assert await sim.submit("a") == "sim:0"


@virtual
async def test_run_belongs_to_its_caller():
    async with rig(8) as sim:
        sim.model("a", 2)

        async def forever(held: Held) -> None:
            await held.gpu.compute(1e6)

        caller = asyncio.create_task(sim.scheduler.run(forever, model="a", **DEVICE))
        await asyncio.sleep(5)
        caller.cancel()
        await asyncio.wait([caller])
        assert await sim.submit("a") == "sim:0"


async def test_cancelling_threads_while_they_wait_load_and_run():
    started, loading, loaded = threading.Event(), threading.Event(), threading.Event()

    def work(_: str) -> None:
        started.set()
        while True:
            checkpoint()

    def load(*_: Any) -> str:
        loading.set()
        loaded.wait(10)
        return "weights"

    async with rig(8) as sim:
        sim.scheduler.register_model(ModelSpec("a", (Variant("full", G),), load, lambda _: None))
        handles = [sim.scheduler.submit(work, model="a", **DEVICE) for _ in range(3)]
        await asyncio.to_thread(loading.wait, 10)
        handles[0].cancel()
        loaded.set()
        await asyncio.to_thread(started.wait, 10)
        handles[2].cancel()
        handles[1].cancel()
        await asyncio.wait_for(handles[1].released(), 10)
        assert all(cancelled(one) for one in await outcomes(handles))
        assert sim.scheduler.devices()[0].models[0].users == 0


# -- preempting ------------------------------------------------------------------------------


@virtual
async def test_urgent_work_takes_the_place_of_preemptible_work():
    async with rig(8) as sim:
        sim.model("a", 1)
        low = sim.submit("a", seconds=10, priority=LOW, preemptible=True, name="low")
        await asyncio.sleep(2)
        high = sim.submit("a", priority=HIGH, name="high")
        await outcomes([high, low])
        assert sim.order() == "low high low"
        assert low.info.attempts == 1


# -- pausing and stopping ----------------------------------------------------------------------


@virtual
async def test_a_paused_lane_starts_and_loads_nothing():
    async with rig(8) as sim:
        sim.model("a", 1)
        sim.lane.pause()
        handle = sim.submit("a")
        await asyncio.sleep(10)
        assert sim.states() == {"a": COLD}
        sim.lane.resume()
        await handle
        assert sim.now == 12


@pytest.mark.parametrize("after", [0.0, 0.5, 2.0, 2.5, 3.5])
@virtual
async def test_stopping_at_any_moment_leaves_nothing(after: float):
    async with rig(8, 6, slots=2) as sim:
        sim.model("a", 2)
        sim.model("b", 5)
        handles = [sim.submit(name, memory=1) for name in "ababab"]
        await asyncio.sleep(after)
    assert all(cancelled(one) or isinstance(one, str) for one in await outcomes(handles))
    with pytest.raises(SchedulerClosed):
        sim.submit("a")


@virtual
async def test_stopping_can_let_tasks_end():
    async with rig(8) as sim:
        sim.model("a", 2)
        handles = [sim.submit("a") for _ in range(3)]
        await sim.scheduler.stop(drain=60)
        assert await outcomes(handles) == ["sim:0"] * 3


@virtual
async def test_a_scheduler_can_start_again():
    async with rig(8) as sim:
        sim.model("a", 2)
        await sim.submit("a")
        await sim.scheduler.stop()
        await sim.scheduler.start()
        sim.model("a", 2)
        assert await sim.submit("a") == "sim:0"


@virtual
async def test_a_cancelled_task_that_cleans_up_keeps_its_slot_until_it_has():
    async with rig(8) as sim:
        sim.model("a", 1)

        async def stubborn(held: Held) -> None:
            try:
                await held.gpu.compute(100)
            finally:
                await held.gpu.compute(3)

        first = sim.scheduler.submit(stubborn, model="a", **DEVICE)
        await asyncio.sleep(2)
        first.cancel()
        second = sim.submit("a")
        with pytest.raises(TaskCancelled):
            await first
        assert sim.now == 2
        await second
        assert sim.now == 6


# -- steps of requests, and models that compute several tasks together ----------------------------


@virtual
async def test_a_requests_next_step_goes_before_a_younger_requests_first():
    async with rig(8) as sim:

        async def request(name: str) -> None:
            with serving(asyncio.get_running_loop().time()):
                async with asyncio.TaskGroup() as group:
                    group.create_task(outcome(sim.submit(None, name=f"{name}1")))
                await outcome(sim.submit(None, name=f"{name}2"))

        await asyncio.gather(*(request(name) for name in "abc"))
        assert sim.order() == "a1 a2 b1 b2 c1 c2"


@virtual
async def test_of_a_bursts_requests_the_older_ones_steps_go_first_whatever_model_they_need():
    async with rig(8) as sim:
        for model in "xyz":
            sim.model(model, 1, pinned=True)
        await outcomes([sim.submit(model) for model in "xyz"])
        sim.lane.pause()
        await asyncio.sleep(0.02)  # into the middle of what the queue counts as one moment
        handles = []
        for age, model in ((1, "z"), (3, "y"), (2, "z"), (4, "x")):
            with serving(asyncio.get_running_loop().time() - age * 1e-6):
                handles.append(sim.submit(model, name=f"{model}{age}"))
        sim.lane.resume()
        await outcomes(handles)
        assert sim.order().split()[3:] == ["x4", "y3", "z2", "z1"]


@virtual
async def test_what_a_model_computes_together_takes_one_slot():
    async with rig(8, slots=2) as sim:
        sim.model("llm", 1, together=3)
        await sim.submit("llm")
        began = sim.now
        talks = [sim.submit("llm", name=f"llm{n}") for n in range(4)]
        others = [sim.submit(None, name=f"other{n}") for n in range(2)]
        await asyncio.sleep(0.5)
        assert sim.scheduler.devices()[0].running == 2
        await outcomes([*talks, *others])
        begins = {run.name: run.begun - began for run in sim.runs[1:]}
        assert begins["llm0"] == begins["llm1"] == begins["llm2"] == begins["other0"] == 0
        assert begins["llm3"] > 0
        assert begins["other1"] > 0


@virtual
async def test_what_computes_together_gives_way_together():
    async with rig(8) as sim:
        sim.model("llm", 1, together=2)
        await sim.submit("llm")
        order: list[str] = []

        async def steps(name: str, _held: Held | None = None) -> None:
            for _ in range(2):
                await give_way_async()
                order.append(name)
                await asyncio.sleep(1)

        def begin(name: str, model: str | None, **options: Any) -> TaskHandle[None]:
            call = functools.partial(steps, name)
            return sim.scheduler.submit(call, model=model, name=name, **DEVICE | options)

        talks = [begin(name, "llm", priority=LOW) for name in ("a", "b")]
        await asyncio.sleep(0.5)
        urgent = begin("urgent", None, priority=HIGH)
        await outcomes([*talks, urgent])
        assert order[:4] == ["a", "b", "urgent", "urgent"]
        assert sorted(order[4:]) == ["a", "b"]


def test_a_model_computes_at_least_one_task_at_a_time():
    with pytest.raises(InvalidTaskError, match="at least one"):
        ModelSpec("none", (Variant("full", 0),), Held, Held.drop, together=0)
