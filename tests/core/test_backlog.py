"""Which waiting task starts where and when: affinity, memory, places, bad arguments."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.simulated import CRITICAL, HIGH, LOW, G, Rig, outcome, outcomes, rig, virtual
from xy_core.core.batching import Batching
from xy_core.core.clock import run_virtual
from xy_core.core.errors import DeviceMemoryError, InvalidTaskError, QueueFull
from xy_core.core.task import TaskType

# -- order -----------------------------------------------------------------------------------


@virtual
async def test_urgent_tasks_go_first_whatever_their_model():
    async with rig(8) as sim:
        sim.model("a", 2)
        sim.model("b", 2)
        await outcomes([sim.submit("a"), sim.submit("b")])
        busy = sim.submit("a", seconds=5)
        await asyncio.sleep(0.1)
        await outcomes(
            [
                busy,
                sim.submit("a", name="low", priority=LOW),
                sim.submit("b", name="high", priority=HIGH),
                sim.submit("a", name="critical", priority=CRITICAL),
                sim.submit(None, name="none"),
            ]
        )
        assert sim.order() == "a b a critical high none low"


@virtual
async def test_tasks_of_a_loaded_model_go_together():
    async with rig(8) as sim:
        sim.model("a", 5)
        sim.model("b", 5)
        await sim.submit("a")
        await outcomes([sim.submit(name) for name in "abababab"])
        assert sim.order() == "a a a a a b b b b"
        assert (sim.loads("a"), sim.loads("b")) == (1, 1)


@virtual
async def test_affinity_is_bounded():
    async with rig(8, affinity=5.0) as sim:
        sim.model("a", 5)
        sim.model("b", 5)
        await sim.submit("a")
        begun = sim.now

        async def keep_busy() -> None:
            for _ in range(60):
                sim.submit("a", seconds=1)
                await asyncio.sleep(1)

        busy = asyncio.create_task(keep_busy())
        await asyncio.sleep(0.5)
        await sim.submit("b", seconds=1)
        # 5 s of affinity, one task of a that runs then, one load of b, and its own second
        assert sim.now - begun <= 0.5 + 5 + 1 + 5 + 1 + 0.3
        await busy


@settings(max_examples=40)
@given(
    arrivals=st.lists(
        st.tuples(st.floats(0, 3), st.sampled_from("abc"), st.floats(0.1, 3)),
        min_size=3,
        max_size=25,
    ),
    affinity=st.sampled_from([0.0, 2.0, 5.0]),
)
def test_nobody_is_overtaken_by_much_later_tasks(
    arrivals: list[tuple[float, str, float]], affinity: float
):
    """A task that came over `affinity` later starts first only while a load or drain goes on."""

    async def main() -> None:
        async with rig(8, affinity=affinity) as sim:
            for name in "abc":
                sim.model(name, 3.5)
            arrived: dict[str, float] = {}
            handles = []
            for number, (pause, model, seconds) in enumerate(arrivals):
                await asyncio.sleep(pause)
                arrived[str(number)] = sim.now
                handles.append(sim.submit(model, seconds=seconds, name=str(number)))
            await outcomes(handles)
            longest = max(seconds for *_, seconds in arrivals)
            for place, run in enumerate(sim.runs):
                # one load that was under way, one drain, one load of its own
                grace = 2 * 3.5 + 2 * longest + 0.5
                for other in sim.runs[:place]:
                    late = arrived[other.name] - arrived[run.name]
                    assert late <= affinity + grace

    run_virtual(main())


# -- memory ----------------------------------------------------------------------------------


@virtual
async def test_a_task_without_memory_does_not_hold_up_others_before_it_is_due():
    async with rig(8, slots=3, affinity=5.0) as sim:
        sim.submit(None, seconds=20, memory=5, name="holder")
        await asyncio.sleep(0.1)
        large = sim.submit(None, memory=6, name="large")
        await asyncio.sleep(1)
        small = sim.submit(None, memory=2, name="small")
        await small
        assert sim.order() == "holder small"
        await asyncio.sleep(6)
        late = sim.submit(None, memory=2, name="late")  # over 5 s after the large one
        await outcomes([large, late])
        assert sim.order() in {"holder small large late", "holder small late large"}
        begun = {run.name: run.begun for run in sim.runs}
        assert begun["late"] == begun["large"], "the room was not kept for the large one"


@virtual
async def test_working_memory_is_never_promised_twice():
    async with rig(8, slots=8) as sim:
        sim.model("a", 2)
        handles = [sim.submit("a", seconds=1, memory=2.5) for _ in range(10)]
        await outcomes(handles)
        assert sim.gpu.out_of_memory_errors == 0
        assert sim.gpu.peak_bytes == 7 * G


@virtual
async def test_memory_can_be_a_function_of_the_arguments():
    async with rig(8) as sim:

        async def draw(width: int, *, height: int) -> tuple[int, int]:
            return width * height, sim.scheduler.devices()[0].memory.promised

        promised = await sim.scheduler.run(
            draw,
            30,
            kwargs={"height": 20},
            memory=lambda width, height: width * height,
            task_type=TaskType.GPU_BOUND,
        )
        assert promised == (600, 600)


@virtual
async def test_foreign_memory_that_grows_and_goes_is_waited_for():
    async with rig(8) as sim:
        sim.gpu.occupy(6 * G)
        await asyncio.sleep(1)
        handle = sim.submit(None, memory=4)
        await asyncio.sleep(50)
        assert not handle.done()
        sim.gpu.occupy(G)
        await handle
        assert sim.now <= 51 + 0.25 + 1.1
        assert sim.gpu.out_of_memory_errors == 0


# -- bounds ----------------------------------------------------------------------------------


@virtual
async def test_the_queue_is_bounded_and_loses_nothing():
    async with rig(8, queue_size=3) as sim:
        sim.model("a", 1)
        handles = [sim.submit("a") for _ in range(3)]
        with pytest.raises(QueueFull):
            sim.submit("a")
        assert await outcomes(handles) == ["sim:0"] * 3


@virtual
async def test_lines_do_not_pile_up():
    async with rig(8) as sim:
        sim.model("a", 1)

        async def echo(_: Any, items: list[int]) -> list[int]:
            return items

        for number in range(50):
            options: Any = {"model": "a", "task_type": TaskType.GPU_BOUND}
            options["batching"] = Batching(4, key=number)
            assert await sim.scheduler.run(echo, number, **options) == number
        cancelled = sim.scheduler.submit(echo, 1, **options | {"batching": Batching(4, 9.0, 77)})
        cancelled.cancel()
        assert sim.lane.backlog.lines == []
        assert len(sim.lane.backlog) == 0


@virtual
async def test_a_key_bounds_tasks_of_all_models():
    async with rig(8, slots=4) as sim:
        sim.model("a", 1)
        sim.model("b", 1)
        sim.scheduler.limit_key("person", 1)
        await outcomes([sim.submit(name, key="person") for name in "abab"])
        ended = [run.ended for run in sim.runs]
        assert all(later.begun >= end for end, later in zip(ended, sim.runs[1:], strict=False))


# -- bad arguments ---------------------------------------------------------------------------


async def one(_: Any) -> None: ...


async def two(_: Any, __: Any) -> None: ...


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((), {"model": "ghost"}, "register it first"),
        ((), {"device": "sim:7"}, "this lane has sim:0"),
        ((), {"device": "tpu:0"}, "no lane 'device:tpu'"),
        ((), {"memory": -1}, "number of bytes"),
        ((), {"memory": 1.5}, "number of bytes"),
        ((), {"memory": "8GiB"}, "number of bytes"),
        ((), {"memory": lambda: -5}, "number of bytes"),
        ((1, 2), {"batching": Batching()}, "one argument"),
        ((), {"batching": Batching()}, "one argument"),
        ((1,), {"batching": Batching(), "kwargs": {"x": 1}}, "one argument"),
        ((1,), {"batching": Batching(key=[1])}, "hashable"),
        ((), {"model": "a", "task_type": TaskType.DEFAULT}, "belong to a device"),
        ((), {"memory": 1, "task_type": TaskType.DEFAULT}, "belong to a device"),
    ],
)
@virtual
async def test_what_could_never_run_is_refused(
    args: tuple[Any, ...], options: dict[str, Any], message: str
):
    async with rig(8) as sim:
        sim.model("a", 1)
        with pytest.raises(InvalidTaskError, match=message):
            sim.scheduler.submit(one, *args, **{"task_type": TaskType.GPU_BOUND} | options)
        assert await sim.submit("a") == "sim:0"


@virtual
async def test_a_model_belongs_to_no_processor_task():
    async with rig(8) as sim:
        sim.model("a", 1)
        with pytest.raises(InvalidTaskError, match="belong to a device"):
            sim.scheduler.submit(print, model="a", task_type=TaskType.CPU_BOUND)


@pytest.mark.parametrize(("model", "memory"), [(None, 9), ("a", 8), ("a", 6)])
@virtual
async def test_more_memory_than_the_device_has_is_refused(model: str | None, memory: float):
    async with rig(8) as sim:
        sim.model("a", 5, 3)
        with pytest.raises(DeviceMemoryError, match="choose a smaller model"):
            sim.submit(model, memory=memory)
        assert await sim.submit("a") == "sim:0"


@virtual
async def test_a_stream_is_not_batched():
    async with rig(8) as sim:
        with pytest.raises(InvalidTaskError, match="not batched"):
            sim.scheduler.stream(one, 1, batching=Batching(), task_type=TaskType.GPU_BOUND)


@virtual
async def test_what_the_memory_function_raises_is_raised():
    async with rig(8) as sim:

        def unknown(*_: Any) -> int:
            raise LookupError("no such size")

        with pytest.raises(LookupError):
            sim.scheduler.submit(one, 1, memory=unknown, task_type=TaskType.GPU_BOUND)
        assert list(sim.scheduler.tasks()) == []


def of(sim: Rig) -> list[str]:
    return [run.device for run in sim.runs]


@virtual
async def test_a_task_can_ask_for_one_device():
    async with rig(8, 8) as sim:
        sim.model("a", 1)
        handles = [sim.submit("a", device=f"sim:{n % 2}") for n in range(4)]
        assert await outcomes(handles) == ["sim:0", "sim:1"] * 2
        assert await outcome(sim.submit("a", device="sim")) in {"sim:0", "sim:1"}
