"""Models and devices as a user of the scheduler meets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.core.simulated import G, cancelled, outcome, outcomes, rig, virtual
from xy_core.core.clock import run_virtual
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.device import DeviceKind
from xy_core.core.errors import InvalidTaskError, SchedulerClosed
from xy_core.core.model import ModelMoved, ModelSpec, ModelState, Variant
from xy_core.core.scheduler import LOADING, GlobalTaskScheduler
from xy_core.core.sim_device import SimDevice
from xy_core.core.task import TaskType

FULL = (Variant("full", G),)


def spec(name: str = "a", **changes: Any) -> ModelSpec[str]:
    values: dict[str, Any] = {
        "name": name,
        "variants": FULL,
        "load": lambda *_: "weights",
        "unload": lambda _: None,
    }
    return ModelSpec(**values | changes)


@virtual
async def test_a_task_gets_the_loaded_model_as_its_first_argument():
    async with rig(8) as sim:
        sim.scheduler.register_model(spec(load=_load, unload=_unload))

        async def use(model: str, number: int, *, word: str) -> tuple[str, int, str]:
            return model, number, word

        handle = sim.scheduler.submit(
            use, 7, kwargs={"word": "w"}, model="a", task_type=TaskType.GPU_BOUND
        )
        assert await handle == ("full on sim:0", 7, "w")
        assert handle.info.device == "sim:0"
        assert handle.info.worker == "sim:0-0"


async def _load(device: str, variant: Variant) -> str:
    return f"{variant.name} on {device}"


async def _unload(model: str) -> None:
    assert model == "full on sim:0"


@virtual
async def test_a_stream_gets_its_model_and_yields():
    async with rig(8) as sim:
        sim.scheduler.register_model(spec(load=_load, unload=_unload))

        async def tokens(model: str, count: int) -> Any:
            for number in range(count):
                yield f"{model} {number}"

        stream = sim.scheduler.stream(tokens, 2, model="a", task_type=TaskType.GPU_BOUND)
        assert [token async for token in stream] == ["full on sim:0 0", "full on sim:0 1"]


async def test_plain_functions_load_compute_and_unload_on_threads():
    unloaded = []
    async with rig(8) as sim:
        sim.scheduler.register_model(spec(unload=unloaded.append))
        assert (
            await sim.scheduler.run(str.upper, model="a", task_type=TaskType.GPU_BOUND) == "WEIGHTS"
        )
        loads = [task for task in sim.scheduler.tasks() if task.lane == LOADING]
        assert [task.name for task in loads] == ["load a"]
        assert loads[0].worker == "loading-0"
    assert unloaded == ["weights"]


@virtual
async def test_every_move_is_told():
    async with rig(8) as sim:
        sim.model("a", 5, 2)
        sim.model("b", 5)
        await outcomes([sim.submit("a"), sim.submit("b")])
        assert [moved for _, moved in sim.moves] == [
            ModelMoved("a", "sim:0", ModelState.READY, "full"),
            ModelMoved("a", "sim:0", ModelState.COLD),
            ModelMoved("b", "sim:0", ModelState.READY, "full"),
        ]
        assert [moment for moment, _ in sim.moves] == [5, 6, 11]


@virtual
async def test_a_listener_that_fails_disturbs_nothing():
    async with rig(8) as sim:

        def fail(_: ModelMoved) -> None:
            raise LookupError("listener")

        sim.scheduler.on_model_moved = fail
        sim.model("a", 5)
        sim.model("b", 5)
        assert await outcomes([sim.submit("a"), sim.submit("b")]) == ["sim:0"] * 2


@virtual
async def test_devices_tell_their_memory_compute_and_models():
    async with rig(8, 4, slots=2, device={"foreign": G}) as sim:
        sim.model("a", 3, 1)
        handles = [sim.submit("a", seconds=5, memory=1, device="sim:0") for _ in range(2)]
        await asyncio.sleep(4)
        first, second = sim.scheduler.devices()
        assert (first.name, first.kind, first.slots, first.running) == (
            "sim:0",
            DeviceKind.SIM,
            2,
            2,
        )
        assert first.memory is not None
        assert (first.memory.total, first.memory.promised) == (8 * G, 5 * G)
        assert (first.memory.free, first.memory.foreign) == (2 * G, G)
        (model,) = first.models
        assert (model.name, model.variant, model.size) == ("a", "full", 3 * G)
        assert (model.state, model.users, model.uses) == (ModelState.READY, 2, 2)
        assert second.models[0].state is ModelState.COLD
        assert second.running == 0
        await outcomes(handles)


@virtual
async def test_models_of_different_kinds_of_devices_are_apart():
    async with rig(8):
        pass
    gpu, cpu = SimDevice(memory=8 * G), SimDevice("cpu", memory=8 * G)
    config = SchedulerConfig(
        devices=(DeviceConfig(name="sim:0", memory=8 * G), DeviceConfig(name="cpu"))
    )
    async with GlobalTaskScheduler(config, [gpu, cpu]) as scheduler:
        scheduler.register_model(spec(load=_load, unload=_anything))
        scheduler.register_model(spec(load=_load, unload=_anything), device="cpu")

        async def use(model: str) -> str:
            return model

        options: Any = {"model": "a", "task_type": TaskType.GPU_BOUND}
        assert await scheduler.run(use, **options) == "full on sim:0"
        assert await scheduler.run(use, device="cpu", **options) == "full on cpu"
        await scheduler.withdraw_model("a", "cpu")
        with pytest.raises(InvalidTaskError, match="register it first"):
            scheduler.submit(use, device="cpu", **options)
        assert await scheduler.run(use, **options) == "full on sim:0"


async def _anything(_: str) -> None: ...


@virtual
async def test_a_budget_smaller_than_the_device_counts():
    gpu = SimDevice(memory=8 * G)
    config = SchedulerConfig(devices=(DeviceConfig(name="sim:0", memory=4 * G),))
    async with GlobalTaskScheduler(config, [gpu]) as scheduler:
        variants = (Variant("full", 5 * G), Variant("partial", 3 * G))
        scheduler.register_model(spec(variants=variants, load=_load, unload=_anything))

        async def use(model: str) -> str:
            return model

        options: Any = {"model": "a", "task_type": TaskType.GPU_BOUND}
        assert await scheduler.run(use, **options) == "partial on sim:0"
        memory = scheduler.devices()[0].memory
        assert memory is not None
        assert memory.total == 4 * G


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": ()}, "at least one variant"),
        ({"variants": (Variant("odd", -1),)}, "none of negative size"),
        ({"swap_out": lambda _: None}, "swap_out and swap_in"),
        ({"swap_in": lambda *_: None}, "swap_out and swap_in"),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str):
    with pytest.raises(InvalidTaskError, match=message):
        spec(**changes)


@virtual
async def test_registering_and_withdrawing_say_what_is_wrong():
    async with rig(8) as sim:
        scheduler = sim.scheduler
        made = sim.model("a", 1)
        with pytest.raises(InvalidTaskError, match="is registered"):
            scheduler.register_model(made)
        with pytest.raises(InvalidTaskError, match="no lane 'device:tpu'"):
            scheduler.register_model(spec("b"), device="tpu")
        with pytest.raises(InvalidTaskError, match="no model 'ghost'"):
            await scheduler.withdraw_model("ghost")
        await scheduler.withdraw_model("a")
        with pytest.raises(InvalidTaskError, match="no model 'a'"):
            await scheduler.withdraw_model("a")
        assert scheduler.devices()[0].models == ()


def test_models_need_a_running_scheduler():
    async def main() -> None:
        scheduler = GlobalTaskScheduler()
        with pytest.raises(SchedulerClosed):
            scheduler.register_model(spec())
        with pytest.raises(SchedulerClosed):
            await scheduler.withdraw_model("a")
        assert scheduler.devices() == ()

    run_virtual(main())


@virtual
async def test_a_withdrawn_model_on_two_devices_leaves_both():
    async with rig(8, 8) as sim:
        sim.model("a", 1)
        await outcomes([sim.submit("a", device=f"sim:{n}") for n in range(2)])
        busy = sim.submit("a", seconds=5, device="sim:0")
        await asyncio.sleep(1)
        withdrawing = asyncio.create_task(sim.scheduler.withdraw_model("a"))
        await asyncio.sleep(0)
        with pytest.raises(InvalidTaskError):
            sim.submit("a", device="sim:1")
        await withdrawing
        assert await outcome(busy) == "sim:0"
        assert [gpu.used for gpu in sim.gpus] == [0, 0]


@virtual
async def test_a_revoked_model_takes_its_tasks_with_it_and_no_others():
    async with rig(8) as sim:
        sim.model("a", 1)
        sim.model("b", 1)
        handles = [sim.submit(model, 60.0) for model in ("a", "a", "b")]
        await asyncio.sleep(3.0)  # two loads of a second each
        await sim.scheduler.revoke_model("a")
        assert sim.now < 60
        running, waiting = [await outcome(handle) for handle in handles[:2]]
        assert cancelled(running)
        assert isinstance(waiting, InvalidTaskError)
        assert await outcome(handles[2]) == "sim:0"
        with pytest.raises(InvalidTaskError, match="no model 'a'"):
            await sim.scheduler.revoke_model("a")
