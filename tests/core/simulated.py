"""A scheduler on simulated devices and a virtual clock, with models that keep a log."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from xy_core.core.clock import run_virtual
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.device_lane import DeviceLane
from xy_core.core.errors import TaskCancelled
from xy_core.core.job import TaskHandle
from xy_core.core.model import ModelMoved, ModelSpec, ModelState, Variant
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.sim_device import SimDevice
from xy_core.core.task import TaskPriority, TaskType

G = 2**30
LOW, MEDIUM, HIGH, CRITICAL = TaskPriority
LANE = "device:sim"


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on the virtual clock."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(test(*args, **kwargs))

    return run


@dataclass
class Held:
    """A model that is loaded: where, and how large."""

    gpu: SimDevice
    size: int
    host: SimDevice
    swapped: bool = False

    def drop(self) -> None:
        (self.host if self.swapped else self.gpu).unload(self.size)


@dataclass
class Run:
    """One run of a task."""

    name: str
    begun: float
    device: str
    ended: float = 0.0


class Rig:
    """A running scheduler whose devices load 1 GiB a second, and what it did.

    Attributes:
        moves: every `ModelMoved`, with its moment.
        runs: the runs of tasks that `submit` made, in the order in which they began.
    """

    def __init__(self, scheduler: GlobalTaskScheduler, gpus: list[SimDevice], host: SimDevice):
        self.scheduler = scheduler
        self.gpus = gpus
        self.gpu = gpus[0]
        self.host = host
        self.moves: list[tuple[float, ModelMoved]] = []
        self.runs: list[Run] = []
        self.errors: dict[str, list[BaseException]] = {}
        self._began = asyncio.get_running_loop().time()
        scheduler.on_model_moved = lambda moved: self.moves.append((self.now, moved))

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return round(asyncio.get_running_loop().time() - self._began, 6)

    @property
    def lane(self) -> DeviceLane:
        lane = self.scheduler.lane(LANE)
        assert isinstance(lane, DeviceLane)
        return lane

    def model(self, name: str, *sizes: float, swaps: bool = False, **spec: Any) -> ModelSpec[Held]:
        """Register a model with variants of those sizes in GiB; `errors[name]` fail its loads."""
        self.errors.setdefault(name, [])
        by_name = {gpu.name: gpu for gpu in self.gpus}

        async def load(device: str, variant: Variant) -> Held:
            if self.errors[name]:
                await asyncio.sleep(0.5)
                raise self.errors[name].pop(0)
            await by_name[device].load(variant.device_bytes)
            return Held(by_name[device], variant.device_bytes, self.host)

        async def unload(held: Held) -> None:
            held.drop()

        async def swap_out(held: Held) -> None:
            await self.host.load(held.size)
            held.gpu.unload(held.size)
            held.swapped = True

        async def swap_in(held: Held, device: str) -> None:
            assert device == held.gpu.name
            await held.gpu.load(held.size)
            self.host.unload(held.size)
            held.swapped = False

        names = ("full", "partial", "host") if len(sizes) > 1 else ("full",)
        variants = tuple(
            Variant(label, int(size * G)) for label, size in zip(names, sizes, strict=False)
        )
        if swaps:
            spec |= {"swap_out": swap_out, "swap_in": swap_in}
        made = ModelSpec(name, variants, load, unload, **spec)
        self.scheduler.register_model(made)
        return made

    def submit(
        self, model: str | None, seconds: float = 1.0, memory: float = 0, **options: Any
    ) -> TaskHandle[str]:
        """Submit a task of that model which computes so long, with so many GiB."""
        name = options.pop("name", model or "task")
        working = int(memory * G)

        async def work(held: Held | None = None) -> str:
            gpu = held.gpu if held is not None else self.gpu
            run = Run(name, self.now, gpu.name)
            self.runs.append(run)
            try:
                await gpu.compute(seconds, working=working)
            finally:
                run.ended = self.now
            return gpu.name

        return self.scheduler.submit(
            work,
            task_type=TaskType.GPU_BOUND,
            name=name,
            model=model,
            memory=working,
            **options,
        )

    def states(self, device: int = 0) -> dict[str, ModelState]:
        """Where the models are, as seen from a device."""
        return {one.name: one.state for one in self.scheduler.devices()[device].models}

    def order(self) -> str:
        """The names of the runs, in the order in which they began."""
        return " ".join(run.name for run in self.runs)

    def loads(self, model: str) -> int:
        """How often a model became ready."""
        return sum(
            moved.model == model and moved.state is ModelState.READY for _, moved in self.moves
        )


@asynccontextmanager
async def rig(
    *sizes: float,
    slots: int = 1,
    swap: float = 0.0,
    queue_size: int = 1_000,
    host: float = 64.0,
    device: dict[str, Any] | None = None,
    **config: Any,
) -> AsyncIterator[Rig]:
    """Run a scheduler with simulated devices of so many GiB; stopping must leave nothing behind."""
    gpus = [
        SimDevice(f"sim:{number}", memory=int(size * G), load_bandwidth=G, **device or {})
        for number, size in enumerate(sizes)
    ]
    cpu = SimDevice("cpu", memory=int(host * G), load_bandwidth=4 * G)
    devices = tuple(DeviceConfig(name=gpu.name, slots=slots, queue_size=queue_size) for gpu in gpus)
    scheduler = GlobalTaskScheduler(
        SchedulerConfig(devices=devices, swap_memory=int(swap * G), **config), [*gpus, cpu]
    )
    before = asyncio.all_tasks()
    async with scheduler:
        made = Rig(scheduler, gpus, cpu)
        seats = made.lane.backlog.seats
        yield made
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before, "a task was left behind"
    assert cpu.used == 0, "host RAM was left allocated"
    for seat, gpu in zip(seats, gpus, strict=True):
        assert seat.running == 0
        assert seat.residency.ledger.promised == 0
        assert not gpu.running
        assert seat.lost or gpu.used == 0, "memory was left allocated"


async def outcome(handle: TaskHandle[Any]) -> Any:
    """Return a task's result, or the error that it ended with."""
    try:
        return await handle
    except Exception as error:  # noqa: BLE001 - it is what the test looks at
        return error


async def outcomes(handles: list[TaskHandle[Any]]) -> list[Any]:
    """Return what became of each task."""
    return [await outcome(handle) for handle in handles]


def cancelled(result: Any) -> bool:
    """Whether a task ended by being cancelled."""
    return isinstance(result, TaskCancelled)
