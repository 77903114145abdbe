"""Which models are on a device: variants, room, pinned models, groups, swapping, failures."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.core.simulated import G, Rig, outcome, outcomes, rig, virtual
from xy_core.core.errors import (
    DeviceMemoryError,
    InvalidTaskError,
    ModelLoadError,
    OutOfDeviceMemory,
    TaskCancelled,
)
from xy_core.core.model import ModelSpec, ModelState, Variant
from xy_core.core.task import TaskStatus, TaskType

READY, COLD, SWAPPED = ModelState.READY, ModelState.COLD, ModelState.SWAPPED
FAILED, LOADING = ModelState.FAILED, ModelState.LOADING


def seen(rig: Rig, model: str) -> list[tuple[str, str, bool]]:
    """What was told of a model: its state, its variant, whether degraded."""
    return [(m.state.value, m.variant, m.degraded) for _, m in rig.moves if m.model == model]


# -- variants --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "variant", "degraded"), [(8, "full", False), (4, "partial", True), (1, "host", True)]
)
@virtual
async def test_the_best_variant_that_fits_is_taken(size: float, variant: str, *, degraded: bool):
    async with rig(size) as sim:
        sim.model("a", 6, 2, 0)
        await sim.submit("a")
        assert seen(sim, "a") == [("ready", variant, degraded)]


@virtual
async def test_a_model_leaves_room_for_its_first_tasks_working_memory():
    async with rig(8) as sim:
        sim.model("a", 6, 4)
        assert await sim.submit("a", memory=3) == "sim:0"
        assert seen(sim, "a") == [("ready", "partial", True)]


@virtual
async def test_the_ladder_goes_down_while_loading_runs_out_of_memory():
    async with rig(8) as sim:
        sim.model("a", 6, 2, 0)
        sim.errors["a"] = [OutOfDeviceMemory("fragmented"), OutOfDeviceMemory("fragmented")]
        await sim.submit("a")
        assert seen(sim, "a") == [("ready", "host", True)]


@virtual
async def test_what_other_programs_use_makes_a_model_come_smaller():
    async with rig(8, device={"foreign": 5 * G}) as sim:
        sim.model("a", 6, 2)
        await sim.submit("a")
        assert seen(sim, "a") == [("ready", "partial", True)]


@virtual
async def test_a_model_waits_for_other_programs_if_no_variant_fits_beside_them():
    async with rig(8, device={"foreign": 5 * G}) as sim:
        sim.model("a", 6)
        handle = sim.submit("a")
        await asyncio.sleep(100)
        assert not handle.done()
        sim.gpu.occupy(0)
        await handle
        assert sim.now == pytest.approx(100 + 0.25 + 6 + 1, abs=0.3)


@virtual
async def test_a_task_with_too_much_memory_for_the_variant_gets_a_smaller_one():
    async with rig(8) as sim:
        sim.model("a", 6, 2)
        await sim.submit("a")
        assert await sim.submit("a", memory=4) == "sim:0"
        assert seen(sim, "a") == [
            ("ready", "full", False),
            ("cold", "", False),
            ("ready", "partial", True),
        ]


# -- working memory --------------------------------------------------------------------------


@virtual
async def test_idle_models_go_for_working_memory():
    async with rig(8) as sim:
        sim.model("a", 3)
        sim.model("b", 3)
        await outcomes([sim.submit("a"), sim.submit("b")])
        assert await sim.submit("a", memory=4) == "sim:0"
        assert sim.states() == {"a": READY, "b": COLD}


@virtual
async def test_idle_models_go_for_a_task_without_a_model():
    async with rig(8) as sim:
        sim.model("a", 5)
        await sim.submit("a")
        assert await sim.submit(None, memory=6) == "sim:0"
        assert sim.states() == {"a": COLD}


@virtual
async def test_one_task_that_can_never_fit_fails_alone():
    async with rig(8) as sim:
        sim.model("a", 3)
        sim.model("p", 3, pinned=True)
        await outcomes([sim.submit("p"), sim.submit("a")])
        sim.lane.pause()
        handles = [sim.submit("a", memory=3), sim.submit("a", memory=1), sim.submit("a")]
        sim.lane.resume()
        results = await outcomes(handles)
        assert isinstance(results[0], DeviceMemoryError)
        assert results[1:] == ["sim:0", "sim:0"]


@virtual
async def test_tasks_of_a_loaded_model_get_memory_while_another_model_comes():
    async with rig(8, slots=2) as sim:
        sim.model("a", 2)
        sim.model("b", 4)
        await sim.submit("a")
        other = sim.submit("b")
        await asyncio.sleep(1)
        begun = sim.now
        await sim.submit("a", seconds=1, memory=2)
        assert sim.now - begun == pytest.approx(1)
        assert not other.done()
        await other


@virtual
async def test_the_room_of_a_model_that_comes_is_not_given_away():
    async with rig(8, slots=2) as sim:
        sim.model("a", 2)
        sim.model("b", 4)
        await sim.submit("a")
        other = sim.submit("b", memory=1)
        await asyncio.sleep(1)
        big = sim.submit("a", seconds=5, memory=1.5)
        assert await other == "sim:0"
        await big
        assert sim.gpu.out_of_memory_errors == 0


@virtual
async def test_room_that_others_make_for_a_model_is_kept_for_it():
    async with rig(8, slots=3) as sim:
        sim.model("a", 2, pinned=True)
        sim.model("c", 3)
        sim.model("b", 5)
        await sim.submit("a")
        using = sim.submit("c", seconds=20)
        await asyncio.sleep(4)
        wanted = sim.submit("b", seconds=1)
        await asyncio.sleep(1)  # c is to go; 3 GiB are free, of which b needs two
        greedy = sim.submit("a", seconds=100, memory=2, name="greedy")
        await outcomes([using, wanted])
        assert sim.order().startswith("a c b")
        await greedy


@virtual
async def test_models_that_are_waited_for_do_not_go_for_memory_that_comes_free_by_itself():
    async with rig(10, slots=3) as sim:
        sim.model("a", 2)
        sim.model("b", 2)
        await outcomes([sim.submit("a"), sim.submit("b")])
        handles = [sim.submit("a", seconds=20, memory=4)]
        await asyncio.sleep(1)
        sim.lane.pause()
        old = asyncio.get_running_loop().time() - 10
        handles += [sim.submit("b", memory=3), sim.submit("a", memory=3, since=old)]
        sim.lane.resume()
        await outcomes(handles)
        assert sim.loads("b") == 1


# -- eviction --------------------------------------------------------------------------------


@virtual
async def test_a_model_that_nothing_waits_for_makes_room():
    async with rig(8) as sim:
        for name in "abc":
            sim.model(name, 3)
        await outcomes([sim.submit("a"), sim.submit("b")])
        await outcomes([sim.submit("c"), sim.submit("b")])
        assert sim.states() == {"a": COLD, "b": READY, "c": READY}
        assert sim.loads("b") == 1


@virtual
async def test_pinned_models_stay():
    async with rig(8) as sim:
        sim.model("a", 5, pinned=True)
        sim.model("b", 2)
        sim.model("c", 3)
        await outcomes([sim.submit("a"), sim.submit("b"), sim.submit("c")])
        assert sim.states() == {"a": READY, "b": COLD, "c": READY}
        sim.model("d", 4)
        assert isinstance(await outcome(sim.submit("d")), DeviceMemoryError)
        assert sim.states()["a"] is READY


@virtual
async def test_of_a_group_only_one_is_loaded():
    async with rig(8) as sim:
        sim.model("a", 1, group="voices")
        sim.model("b", 1, group="voices")
        sim.model("c", 1)
        await outcomes([sim.submit("a"), sim.submit("c"), sim.submit("b")])
        assert sim.states() == {"a": COLD, "b": READY, "c": READY}
        await sim.submit("a")
        assert sim.states() == {"a": READY, "b": COLD, "c": READY}


@virtual
async def test_a_model_goes_only_after_its_last_user():
    async with rig(8) as sim:
        sim.model("a", 5)
        sim.model("b", 5)
        long = sim.submit("a", seconds=30)
        await asyncio.sleep(6)
        await outcomes([sim.submit("b"), long])
        assert [(run.name, run.begun, run.ended) for run in sim.runs] == [
            ("a", 5, 35),
            ("b", 40, 41),
        ]


# -- swapping --------------------------------------------------------------------------------


@virtual
async def test_a_model_is_swapped_out_and_in():
    async with rig(8, swap=8) as sim:
        sim.model("a", 5, swaps=True)
        sim.model("b", 5)
        await outcomes([sim.submit("a"), sim.submit("b")])
        assert sim.states() == {"a": SWAPPED, "b": READY}
        assert sim.host.used == 5 * G
        await sim.submit("a")
        assert sim.states() == {"a": READY, "b": COLD}
        assert sim.host.used == 0
        assert sim.gpu.used == 5 * G


@virtual
async def test_host_ram_that_is_too_small_is_left_alone():
    async with rig(8, swap=4) as sim:
        sim.model("s", 3, swaps=True)
        sim.model("a", 6, swaps=True)
        sim.model("b", 5)
        for name in "sab":
            await sim.submit(name)
        assert sim.states() == {"s": SWAPPED, "a": COLD, "b": READY}


@virtual
async def test_swapped_models_that_are_worth_less_make_room_in_host_ram():
    async with rig(8, swap=6) as sim:
        sim.model("s", 4, swaps=True)
        sim.model("a", 5, swaps=True)
        sim.model("b", 6)
        await sim.submit("s")
        for _ in range(9):
            await sim.submit("a")
        await sim.submit("b")
        assert sim.states() == {"s": COLD, "a": SWAPPED, "b": READY}


@virtual
async def test_what_does_not_swap_in_is_loaded():
    async with rig(8, swap=8) as sim:
        spec = sim.model("a", 5, swaps=True)

        async def broken(*_: Any) -> None:
            raise OSError("page file")

        await sim.scheduler.withdraw_model("a")
        sim.scheduler.register_model(
            ModelSpec(
                "a", spec.variants, spec.load, spec.unload, swap_out=spec.swap_out, swap_in=broken
            )
        )
        sim.model("b", 5)
        for name in "aba":
            await sim.submit(name)
        assert sim.states() == {"a": READY, "b": COLD}
        assert sim.host.used == 0


@virtual
async def test_host_ram_that_others_use_is_left_alone():
    async with rig(8, swap=8, host=3) as sim:
        sim.model("a", 5, swaps=True)
        sim.model("b", 5)
        for name in "aba":
            await sim.submit(name)
        assert sim.states() == {"a": READY, "b": COLD}


@virtual
async def test_what_does_not_swap_out_or_unload_cleanly_goes_all_the_same():
    async def broken(*_: Any) -> None:
        raise OSError("broken")

    async with rig(8, swap=8) as sim:
        spec = sim.model("a", 5, swaps=True)

        async def unload(held: Any) -> None:
            held.drop()
            await broken()

        await sim.scheduler.withdraw_model("a")
        sim.scheduler.register_model(
            ModelSpec("a", spec.variants, spec.load, unload, swap_out=broken, swap_in=broken)
        )
        sim.model("b", 5)
        for name in "aba":
            assert await sim.submit(name) == "sim:0"
        assert sim.states() == {"a": READY, "b": COLD}


@virtual
async def test_stopping_unloads_what_is_swapped():
    async with rig(8, swap=8) as sim:
        sim.model("a", 5, swaps=True)
        sim.model("b", 5)
        await outcomes([sim.submit("a"), sim.submit("b")])
        assert sim.host.used


@pytest.mark.parametrize("after", [0.0, 0.5, 1.0, 1.25, 2.0, 4.0, 6.3, 7.0])
@virtual
async def test_stopping_in_the_middle_of_any_move_leaves_nothing(after: float):
    async with rig(8, swap=8) as sim:
        sim.model("a", 5, swaps=True)
        sim.model("b", 5)
        await sim.submit("a", seconds=0.1)
        sim.submit("b", seconds=1)
        sim.submit("a", seconds=1)
        await asyncio.sleep(after)


@pytest.mark.parametrize("ticks", range(8))
@virtual
async def test_stopping_some_ticks_after_a_move_began_leaves_nothing(ticks: int):
    async with rig(8) as sim:
        sim.model("a", 5)
        sim.model("b", 5)
        await sim.submit("a")
        sim.submit("b")
        for _ in range(ticks):
            await asyncio.sleep(0)


# -- loading ---------------------------------------------------------------------------------


@virtual
async def test_a_hundred_tasks_share_one_load():
    async with rig(8, slots=4) as sim:
        sim.model("a", 5)
        assert await outcomes([sim.submit("a") for _ in range(100)]) == ["sim:0"] * 100
        assert sim.loads("a") == 1
        assert sim.gpu.load_seconds == 5


@virtual
async def test_a_load_failure_reaches_every_waiting_task_and_cools_down():
    async with rig(8) as sim:
        sim.model("a", 2)
        sim.errors["a"] = [OSError("no such file")]
        results = await outcomes([sim.submit("a") for _ in range(5)])
        assert all(isinstance(one, ModelLoadError) for one in results)
        assert "no such file" in str(results[0])
        assert results[0].model == "a"
        assert sim.states() == {"a": FAILED}
        assert [m.detail for _, m in sim.moves] == ["no such file"]

        at_once = await outcome(sim.submit("a"))
        assert isinstance(at_once, ModelLoadError)
        assert isinstance(at_once.__cause__, OSError)
        assert 0 < at_once.retry_after <= 5
        assert sim.now == 0.5

        await asyncio.sleep(at_once.retry_after)
        assert await sim.submit("a") == "sim:0"
        assert sim.states() == {"a": READY}


@virtual
async def test_a_model_that_runs_out_of_memory_in_every_variant_has_failed():
    async with rig(8) as sim:
        sim.model("a", 4, 2)
        sim.errors["a"] = [OutOfDeviceMemory("fragmented") for _ in range(2)]
        result = await outcome(sim.submit("a"))
        assert isinstance(result, ModelLoadError)
        assert "fragmented" in str(result)


@virtual
async def test_the_cooldown_doubles_and_starts_anew_after_a_success():
    async with rig(8) as sim:
        sim.model("a", 2)
        sim.errors["a"] = [OSError("x") for _ in range(3)]
        pauses = []
        for _ in range(3):
            await outcome(sim.submit("a"))
            error = await outcome(sim.submit("a"))
            pauses.append(round(error.retry_after))
            await asyncio.sleep(error.retry_after)
        assert pauses == [5, 10, 20]
        await sim.submit("a")
        await sim.scheduler.withdraw_model("a")


@virtual
async def test_a_stream_of_a_model_that_fails_ends_with_its_error():
    async with rig(8) as sim:
        sim.model("a", 2)
        sim.errors["a"] = [OSError("gone")]

        async def count(_: Any, n: int) -> Any:
            for number in range(n):
                yield number

        options: Any = {"task_type": TaskType.GPU_BOUND, "model": "a"}
        for _ in range(2):  # while it loads, and in its cooldown
            stream = sim.scheduler.stream(count, 3, **options)
            with pytest.raises(ModelLoadError, match="gone"):
                await anext(stream)
        await asyncio.sleep(5)
        assert [item async for item in sim.scheduler.stream(count, 3, **options)] == [0, 1, 2]


@virtual
async def test_loading_never_blocks_requests_to_loaded_models():
    async with rig(16, slots=1) as sim:
        sim.model("a", 2)
        sim.model("b", 10)
        await sim.submit("a")
        slow = sim.submit("b")
        begun = sim.now
        for _ in range(5):
            await sim.submit("a", seconds=1)
        assert sim.now - begun == 5
        assert not slow.done()
        await slow


@virtual
async def test_memory_that_a_driver_returns_late_is_waited_for():
    async with rig(8, device={"return_delay": 2.0}) as sim:
        sim.model("a", 5)
        sim.model("b", 5)
        assert await outcomes([sim.submit("a"), sim.submit("b")]) == ["sim:0"] * 2
        assert sim.gpu.out_of_memory_errors == 0
        assert sim.now == pytest.approx(5 + 1 + 2 + 5 + 1, abs=0.05)


@virtual
async def test_memory_that_a_driver_never_returns_makes_the_model_wait_not_fail():
    async with rig(8, device={"return_delay": 60.0}) as sim:
        sim.model("a", 5)
        sim.model("b", 5)
        assert await outcomes([sim.submit("a"), sim.submit("b")]) == ["sim:0"] * 2
        assert sim.gpu.out_of_memory_errors == 0
        assert 72 <= sim.now <= 73


@virtual
async def test_a_measured_size_counts():
    async with rig(8) as sim:
        sim.model("a", 3, measure=lambda _: 4 * G)
        sim.model("b", 3, measure=lambda held: held.no_such_thing)
        await outcomes([sim.submit("a"), sim.submit("b")])
        sizes = {one.name: one.size for one in sim.scheduler.devices()[0].models}
        assert sizes == {"a": 4 * G, "b": 3 * G}


# -- on threads ------------------------------------------------------------------------------


async def test_a_load_on_a_thread_that_is_given_up_is_unloaded_when_it_ends():
    begun, go = threading.Event(), threading.Event()
    unloaded = threading.Event()

    def load(*_: Any) -> str:
        begun.set()
        go.wait(10)
        return "weights"

    def unload(model: str) -> None:
        assert model == "weights"
        unloaded.set()

    async with rig(8) as sim:
        sim.scheduler.register_model(ModelSpec("a", (Variant("full", G),), load, unload))
        handle = sim.submit("a")
        await asyncio.to_thread(begun.wait, 10)
        stopping = asyncio.create_task(sim.scheduler.stop())
        await outcome(handle)
        go.set()
        await stopping
    assert handle.info.status is TaskStatus.CANCELLED
    assert unloaded.is_set()


async def test_an_unload_on_a_thread_runs_to_its_end_once_when_the_scheduler_stops():
    begun, go = threading.Event(), threading.Event()
    unloaded: list[str] = []

    def unload(model: str) -> None:
        begun.set()
        go.wait(10)
        unloaded.append(model)

    async with rig(8) as sim:
        sim.scheduler.register_model(
            ModelSpec("a", (Variant("full", 5 * G),), lambda *_: "weights", unload)
        )
        sim.model("b", 5)
        assert await sim.scheduler.run(str.upper, model="a", task_type=TaskType.GPU_BOUND)
        sim.submit("b")
        await asyncio.to_thread(begun.wait, 10)
        stopping = asyncio.create_task(sim.scheduler.stop())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, go.set)
        await stopping
    assert unloaded == ["weights"]


# -- withdrawing -----------------------------------------------------------------------------


@virtual
async def test_withdrawing_a_model_in_use_waits_for_its_users_and_refuses_new_ones():
    async with rig(8) as sim:
        spec = sim.model("a", 3)
        running = sim.submit("a", seconds=10)
        waiting = sim.submit("a")
        await asyncio.sleep(4)
        withdrawing = asyncio.create_task(sim.scheduler.withdraw_model("a"))
        await asyncio.sleep(1)
        assert isinstance(await outcome(waiting), InvalidTaskError)
        with pytest.raises(InvalidTaskError, match="register it first"):
            sim.submit("a")
        with pytest.raises(InvalidTaskError, match="not yet withdrawn"):
            sim.scheduler.register_model(spec)
        assert not withdrawing.done()
        await withdrawing
        assert running.done()
        assert sim.now == 13
        assert sim.gpu.used == 0
        sim.scheduler.register_model(spec)
        assert await sim.submit("a") == "sim:0"


@virtual
async def test_other_models_come_while_one_waits_to_be_withdrawn():
    async with rig(8, slots=2) as sim:
        sim.model("a", 3)
        sim.model("b", 3)
        running = sim.submit("a", seconds=100)
        await asyncio.sleep(4)
        withdrawing = asyncio.create_task(sim.scheduler.withdraw_model("a"))
        await sim.submit("b")
        assert not running.done()
        await withdrawing


@virtual
async def test_withdrawing_a_model_while_it_loads():
    async with rig(8) as sim:
        sim.model("a", 3)
        handle = sim.submit("a")
        await asyncio.sleep(1)
        await sim.scheduler.withdraw_model("a")
        assert isinstance(await outcome(handle), InvalidTaskError)
        assert sim.gpu.used == 0
        assert sim.states() == {}


@pytest.mark.parametrize("name", ["cold", "swapped", "failed"])
@virtual
async def test_withdrawing_a_model_that_is_not_there(name: str):
    async with rig(8, swap=8) as sim:
        sim.model(name, 5, swaps=True)
        sim.model("b", 5)
        if name == "failed":
            sim.errors[name] = [OSError("broken")]
        if name != "cold":
            await outcome(sim.submit(name))
            await sim.submit("b")
            assert sim.states()[name] is ModelState(name)
        await sim.scheduler.withdraw_model(name)
        assert sim.host.used == 0
        assert name not in sim.states()


@virtual
async def test_withdrawing_can_be_given_up():
    async with rig(8) as sim:
        sim.model("a", 3)
        sim.submit("a", seconds=10)
        await asyncio.sleep(4)
        withdrawing = asyncio.create_task(sim.scheduler.withdraw_model("a"))
        await asyncio.sleep(1)
        withdrawing.cancel()
        await asyncio.wait([withdrawing])
        assert await sim.submit("a") == "sim:0"


@virtual
async def test_stopping_while_a_model_is_withdrawn():
    async with rig(8) as sim:
        sim.model("a", 3)
        running = sim.submit("a", seconds=1000)
        await asyncio.sleep(4)
        withdrawing = asyncio.create_task(sim.scheduler.withdraw_model("a"))
        await asyncio.sleep(1)
        await sim.scheduler.stop()
        await asyncio.wait([withdrawing])
        assert isinstance(await outcome(running), TaskCancelled)


@virtual
async def test_a_retry_of_a_withdrawn_models_task_fails():
    async with rig(8) as sim:
        sim.model("a", 3)

        failed = asyncio.Event()

        async def stumble(_: Any) -> None:
            failed.set()
            raise OSError("once")

        handle = sim.scheduler.submit(
            stumble, task_type=TaskType.GPU_BOUND, model="a", retries=3, retry_on=(OSError,)
        )
        await failed.wait()
        await sim.scheduler.withdraw_model("a")
        result = await outcome(handle)
        assert isinstance(result, (InvalidTaskError, OSError))


async def test_loading_state_is_seen_at_once():
    async with rig(8) as sim:
        sim.model("a", 0.001)
        handle = sim.submit("a")
        await asyncio.sleep(0)
        assert sim.states() == {"a": LOADING}
        await handle


# -- preloading ------------------------------------------------------------------------------


@virtual
async def test_a_preloaded_model_is_there_before_its_first_task():
    async with rig(8) as sim:
        sim.model("a", 3)
        sim.model("b", 6)
        assert await sim.scheduler.preload_model("a")
        assert not await sim.scheduler.preload_model("b")
        assert sim.states() == {"a": READY, "b": COLD}
        await sim.submit("a")
        assert sim.now == 4


@pytest.mark.parametrize("after", [0.0, 1.0, 2.9])
@virtual
async def test_stopping_while_a_model_is_preloaded_leaves_nothing(after: float):
    async with rig(8) as sim:
        sim.model("a", 3)
        preloading = asyncio.create_task(sim.scheduler.preload_model("a"))
        await asyncio.sleep(after)
        await sim.scheduler.stop()
        await asyncio.wait([preloading])


# -- by hand ---------------------------------------------------------------------------------


@virtual
async def test_a_model_is_freed_by_hand_and_comes_again_with_its_next_task():
    async with rig(8) as sim:
        sim.model("a", 5)
        assert not await sim.scheduler.unload_model("a", "sim")
        long = sim.submit("a", seconds=30)
        await asyncio.sleep(6)
        assert await sim.scheduler.unload_model("a", "sim")
        assert long.done()
        assert sim.states() == {"a": COLD}
        assert sim.gpu.used == 0
        await sim.submit("a")
        assert sim.states() == {"a": READY}


@virtual
async def test_freeing_goes_on_when_nobody_waits_for_it():
    async with rig(8) as sim:
        sim.model("a", 5)
        long = sim.submit("a", seconds=30)
        await asyncio.sleep(6)
        freeing = asyncio.create_task(sim.scheduler.unload_model("a", "sim"))
        await asyncio.sleep(1)
        freeing.cancel()
        await outcome(long)
        await asyncio.sleep(1)
        assert sim.states() == {"a": COLD}


@virtual
async def test_a_swapped_model_is_freed_from_host_ram():
    async with rig(8, swap=8) as sim:
        sim.model("a", 5, swaps=True)
        sim.model("b", 5)
        await outcomes([sim.submit("a"), sim.submit("b")])
        assert sim.states() == {"a": SWAPPED, "b": READY}
        assert await sim.scheduler.unload_model("a", "sim")
        assert sim.states() == {"a": COLD, "b": READY}
        assert sim.host.used == 0
