"""Any sequence of work, models and mishaps on two devices keeps the promises of the lane."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.core.simulated import LANE, G
from xy_core.core.batching import Batching
from xy_core.core.clock import VirtualLoop
from xy_core.core.compute import give_way_async, report_peak
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.device_lane import DeviceLane
from xy_core.core.errors import (
    DeviceError,
    InvalidTaskError,
    OutOfDeviceMemory,
    QueueFull,
    TaskCancelled,
    TaskTimeout,
)
from xy_core.core.job import TaskHandle
from xy_core.core.model import ModelSpec, ModelState, Variant
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.sim_device import SimDevice
from xy_core.core.task import TaskPriority, TaskType

SLOTS = {"sim:0": 2, "sim:1": 1}
SIZES = {"a": (2, 1), "b": (3,), "c": (4, 2, 0), "d": (5,), "e": (7, 3)}
PINNED, GROUPED = "a", "bc"
MODELS = st.sampled_from("abcde")


@dataclass(frozen=True)
class Work:
    """What a task does: computes on its model's device, gives way, reports, perhaps fails."""

    model: str | None
    memory: int
    seconds: float
    priority: TaskPriority
    batching: Batching | None
    options: Mapping[str, Any]
    hidden: int
    fails: bool

    async def alone(self, held: Any = None) -> str:
        return (await self.compute(held, 1))[0]

    async def together(self, *args: Any) -> list[str]:
        return await self.compute(args[0] if len(args) > 1 else None, len(args[-1]))

    async def compute(self, held: Any, count: int) -> list[str]:
        if held is None:  # it is not told its device, and takes no memory there
            await asyncio.sleep(self.seconds)
        else:
            await self.compute_on(held[0], count)
        if self.fails:
            raise LookupError("as told")
        return ["done"] * count

    async def compute_on(self, gpu: SimDevice, count: int) -> None:
        working = self.memory * count * G
        report_peak(working)
        async with gpu.computing(working + self.hidden * G):
            for _ in range(4):
                await give_way_async()
                await gpu.compute(self.seconds / 4, batch=count)


WORKS = st.builds(
    Work,
    model=st.sampled_from([None, *"abcdeabcde"]),
    memory=st.integers(0, 3),
    seconds=st.sampled_from([0.0, 0.5, 3.0, 20.0]),
    priority=st.sampled_from(TaskPriority),
    batching=st.sampled_from([None, None, None, Batching(3), Batching(4, max_wait=1.0)]),
    options=st.sampled_from(
        [
            *({} for _ in range(6)),
            {"timeout": 10.0},
            {"deadline": 60.0},
            {"preemptible": True},
            {"key": "x"},
            {"device": "sim:0"},
            {"device": "sim:1"},
            {"retries": 1, "retry_on": (LookupError,)},
        ]
    ),
    hidden=st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 2, 5]),
    fails=st.sampled_from([False, False, False, False, False, True]),
)


class DeviceMachine(RuleBasedStateMachine):
    """Drives the lane of two simulated devices on a virtual clock."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.gpus = [SimDevice(f"sim:{n}", memory=8 * G, load_bandwidth=G) for n in range(2)]
        self.gpus[1] = SimDevice("sim:1", memory=6 * G, load_bandwidth=2 * G, return_delay=0.3)
        self.by_name = {gpu.name: gpu for gpu in self.gpus}
        self.host = SimDevice("cpu", memory=32 * G)
        devices = tuple(
            DeviceConfig(name=gpu.name, slots=SLOTS[gpu.name], memory=m * G, queue_size=30)
            for gpu, m in zip(self.gpus, (8, 6), strict=True)
        )
        self.scheduler = GlobalTaskScheduler(
            SchedulerConfig(devices=devices, swap_memory=6 * G), [*self.gpus, self.host]
        )
        self.runner.run(self.scheduler.start())
        lane = self.scheduler.lane(LANE)
        assert isinstance(lane, DeviceLane)
        self.lane = lane
        self.seats = lane.backlog.seats
        self.all: list[TaskHandle[Any]] = []
        self.withdrawing: list[asyncio.Task[None]] = []
        self.lost: set[str] = set()
        self.disturbed = False
        for name in SIZES:
            self.do(lambda name=name: self.scheduler.register_model(self.spec(name)))

    def do(self, step: Any, seconds: float = 0.0) -> Any:
        """Take a step on the loop and let so much time pass."""

        async def take() -> Any:
            outcome = step()
            await asyncio.sleep(seconds)
            for _ in range(10):
                await asyncio.sleep(0)
            return outcome

        return self.runner.run(take())

    def spec(self, name: str) -> ModelSpec[Any]:
        variants = tuple(Variant(f"{size} GiB", size * G) for size in SIZES[name])

        async def load(device: str, variant: Variant) -> list[Any]:
            await self.by_name[device].load(variant.device_bytes)
            return [self.by_name[device], variant.device_bytes, False]

        async def unload(held: list[Any]) -> None:
            gpu, size, swapped = held
            (self.host if swapped else gpu).unload(size)

        async def swap_out(held: list[Any]) -> None:
            await self.host.load(held[1])
            held[0].unload(held[1])
            held[2] = True

        async def swap_in(held: list[Any], device: str) -> None:
            await self.by_name[device].load(held[1])
            self.host.unload(held[1])
            held[2] = False

        swaps: dict[str, Any] = {"swap_out": swap_out, "swap_in": swap_in} if name in "bd" else {}
        return ModelSpec(
            name,
            variants,
            load,
            unload,
            pinned=name == PINNED,
            group="one of these" if name in GROUPED else "",
            **swaps,
        )

    @rule(target=handles, work=WORKS, count=st.sampled_from([1, 1, 1, 4]))
    def submit(self, work: Work, count: int) -> list[TaskHandle[Any]]:
        def step() -> list[TaskHandle[Any]]:
            with contextlib.suppress(QueueFull, InvalidTaskError, DeviceError):
                handles.extend(self.submit_one(work) for _ in range(count))
            return handles

        handles: list[TaskHandle[Any]] = []
        self.disturbed |= work.model is not None and work.hidden > 0
        self.do(step)
        self.all += handles
        return handles

    def submit_one(self, work: Work) -> TaskHandle[Any]:
        values = dict(work.options)
        if work.batching is not None:
            values["batching"] = work.batching
        return self.scheduler.submit(
            work.alone if work.batching is None else work.together,
            *(() if work.batching is None else (1,)),
            model=work.model,
            memory=work.memory * G,
            priority=work.priority,
            task_type=TaskType.GPU_BOUND,
            **values,
        )

    @rule(handles=handles)
    def cancel(self, handles: list[TaskHandle[Any]]) -> None:
        for handle in handles:
            ended = handle.done()
            assert handle.done() or self.do(handle.cancel) is not ended

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 5.0, 30.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.do(lambda: None, seconds)

    @rule(number=st.integers(0, 1), size=st.integers(0, 6))
    def others_use_memory(self, number: int, size: int) -> None:
        self.disturbed = True
        self.do(lambda: self.gpus[number].occupy(size * G))

    @rule(number=st.integers(0, 30))
    def a_device_fails(self, number: int) -> None:
        if number < 2:  # rarely, since less happens afterwards
            self.lost.add(self.gpus[number].name)
            self.do(self.gpus[number].fail)

    @rule(model=MODELS)
    def withdraw(self, model: str) -> None:
        async def go() -> None:
            with contextlib.suppress(InvalidTaskError):
                await self.scheduler.withdraw_model(model)

        self.withdrawing.append(self.do(lambda: asyncio.get_running_loop().create_task(go())))

    @rule(model=MODELS)
    def register(self, model: str) -> None:
        def step() -> None:
            with contextlib.suppress(InvalidTaskError):  # it is registered
                self.scheduler.register_model(self.spec(model))

        self.do(step)

    @rule()
    def pause(self) -> None:
        self.do(self.lane.pause)

    @rule()
    def resume(self) -> None:
        self.do(self.lane.resume)

    @invariant()
    def no_more_is_promised_than_there_is(self) -> None:
        for seat in self.seats:
            ledger = seat.residency.ledger
            assert 0 <= ledger.promised <= ledger.total
            assert ledger.promised == sum(lease.size for lease in ledger.leases)

    @invariant()
    def memory_runs_out_only_if_others_take_it(self) -> None:
        assert self.disturbed or not any(gpu.out_of_memory_errors for gpu in self.gpus)

    @invariant()
    def never_more_run_than_there_are_slots(self) -> None:
        for seat, gpu in zip(self.seats, self.gpus, strict=True):
            assert 0 <= seat.running <= SLOTS[gpu.name]
            assert gpu.running <= SLOTS[gpu.name]

    @invariant()
    def a_ready_model_has_its_lease(self) -> None:
        for seat in self.seats:
            for one in seat.residency:
                held = one.state in {ModelState.READY, ModelState.DRAINING}
                assert not held or one.lease is not None
                assert one.users >= 0
                assert (one.state is ModelState.SWAPPED) <= (one.host_lease is not None)

    @invariant()
    def no_two_models_of_a_group_are_ready(self) -> None:
        for seat in self.seats:
            ready = [
                one.spec.name
                for one in seat.residency
                if one.spec.group
                and one.state in {ModelState.READY, ModelState.LOADING}
                and one.lease is not None
            ]
            assert len(ready) <= 1

    def teardown(self) -> None:
        def calm() -> None:
            for gpu in self.gpus:
                if gpu.name not in self.lost:
                    gpu.occupy(0)
            self.lane.resume()

        self.do(calm, 3_000)
        assert [handle for handle in self.all if not handle.done()] == []
        assert len(self.lane.backlog) == 0
        assert all(task.done() for task in self.withdrawing)
        expected = (TaskCancelled, TaskTimeout, LookupError, DeviceError, InvalidTaskError)
        for handle in self.all:
            try:
                assert handle.result() == "done"
            except OutOfDeviceMemory:
                assert self.disturbed
            except expected:
                pass
        self.runner.run(self.scheduler.stop())
        self.do(lambda: None, 1.0)
        for seat, gpu in zip(self.seats, self.gpus, strict=True):
            assert seat.running == 0
            assert seat.residency.ledger.promised == 0
            assert gpu.name in self.lost or gpu.used == 0
        assert self.lost or self.host.used == 0
        self.runner.close()


TestDeviceMachine = DeviceMachine.TestCase
TestDeviceMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
