"""Four ways to run the same requests: one by one, all at once, the report's, and ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, Self

from xy_core.bench.report_scheduler import ReportScheduler
from xy_core.bench.task_chain import Machine
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.sim_device import SimDevice
from xy_core.core.task import TaskPriority, TaskType

_MEDIUM = TaskPriority.MEDIUM
_AGING = 120.0
"""Seconds: background work waits long here, and must not grow as urgent as conversation by it."""
_PATIENCE = 1e5
"""Seconds that a request may take at most; its deadline decides among requests of one moment."""


class Policy(Protocol):
    """Runs requests on a machine; entered before the first, left after the last."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exception: object) -> None: ...

    async def request(self, *, draws: bool = True) -> None:
        """Serve one request to its end.

        Raises:
            OutOfDeviceMemory: the machine could not hold what it needed.
        """


class Direct:
    """All requests at once, straight on the hardware: `asyncio.gather`.

    Models are loaded by whoever needs one that is not there, and stay.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._gpu = machine.gpus[0]
        self._loads: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.gather(*self._loads.values(), return_exceptions=True)

    async def request(self, *, draws: bool = True) -> None:
        """See `Policy`."""
        await self._on_gpu("vision", self._machine.see)
        await self._machine.think()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._machine.speak())
            if draws:
                group.create_task(self._on_gpu("image", self._machine.draw))

    async def _on_gpu(self, model: str, stage: Callable[[SimDevice], Awaitable[None]]) -> None:
        if model not in self._loads:
            sizes = {spec.name: spec.variants[0].device_bytes for spec in self._machine.models()}
            self._loads[model] = asyncio.create_task(self._gpu.load(sizes[model]))
        await asyncio.shield(self._loads[model])
        await stage(self._gpu)


class Serial(Direct):
    """One request after the other, one part after the other."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._turn = asyncio.Lock()

    async def request(self, *, draws: bool = True) -> None:
        """See `Policy`."""
        async with self._turn:
            await self._on_gpu("vision", self._machine.see)
            await self._machine.think()
            await self._machine.speak()
            if draws:
                await self._on_gpu("image", self._machine.draw)


class Report(Direct):
    """The report's scheduler: one queue, and one lock round all that its table 1 gives the GPU.

    That is thinking, seeing and drawing; speech is the network's (section 6.2). If the models do
    not fit side by side, the holder of the lock changes them.
    """

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._scheduler = ReportScheduler()
        self._sizes = {spec.name: spec.variants[0].device_bytes for spec in machine.models()}
        self._swaps = sum(self._sizes.values()) > machine.profile.memory
        self._held = ""

    async def __aenter__(self) -> Self:
        await self._scheduler.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await super().__aexit__(*exception)
        await self._scheduler.__aexit__(*exception)

    async def request(self, *, draws: bool = True) -> None:
        """See `Policy`."""
        see, draw = self._machine.see, self._machine.draw
        await self._run(lambda: self._locked("vision", see))
        await self._run(self._machine.think)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run(self._machine.speak, uses_gpu=False))
            if draws:
                group.create_task(self._run(lambda: self._locked("image", draw)))

    async def _run(self, work: Callable[[], Awaitable[None]], *, uses_gpu: bool = True) -> None:
        await (await self._scheduler.schedule(work, uses_gpu=uses_gpu))

    async def _locked(self, model: str, stage: Callable[[SimDevice], Awaitable[None]]) -> None:
        if not self._swaps:
            await self._on_gpu(model, stage)
            return
        if self._held != model:
            if self._held:
                self._gpu.unload(self._sizes[self._held])
            self._held = model
            await self._gpu.load(self._sizes[model])
        await stage(self._gpu)


class XyCore:
    """This project's scheduler: a lane for each resource, memory admission, residency."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        devices = [DeviceConfig(name=gpu.name, slots=1) for gpu in machine.gpus]
        self.scheduler = GlobalTaskScheduler(
            SchedulerConfig(aging=_AGING, devices=(*devices, DeviceConfig(name="cpu", slots=1))),
            devices=[*machine.gpus, machine.cpu],
        )

    async def __aenter__(self) -> Self:
        await self.scheduler.start()
        for spec in self._machine.models():
            self.scheduler.register_model(spec)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.scheduler.stop()

    async def request(self, *, draws: bool = True, priority: TaskPriority = _MEDIUM) -> None:
        """See `Policy`; all parts of a request are as old as the request itself.

        Seeing, for which the rest of a request waits, has the lead of one image: then the device
        has something to draw while a language model thinks.
        """
        now = asyncio.get_running_loop().time()
        request = _Request(self.scheduler, priority, now)
        profile = self._machine.profile
        await request.on_device(
            self._machine.see, "vision", profile.vision_working, lead=profile.draw
        )
        await request.think(self._machine.think)
        async with asyncio.TaskGroup() as group:
            group.create_task(request.speak(self._machine.speak))
            if draws:
                group.create_task(
                    request.on_device(self._machine.draw, "image", profile.image_working)
                )


class _Request:
    """The parts of one request, which share its age and its urgency."""

    def __init__(
        self, scheduler: GlobalTaskScheduler, priority: TaskPriority, since: float
    ) -> None:
        self._scheduler = scheduler
        self._priority = priority
        self._since = since

    async def on_device(
        self,
        stage: Callable[[SimDevice], Awaitable[None]],
        model: str,
        working: int,
        lead: float = 0.0,
    ) -> None:
        await self._scheduler.run(
            stage,
            task_type=TaskType.GPU_BOUND,
            model=model,
            memory=working,
            priority=self._priority,
            since=self._since - lead,
            deadline=self._left(),
        )

    async def think(self, stage: Callable[[], Awaitable[None]]) -> None:
        await self._scheduler.run(
            stage,
            task_type=TaskType.GPU_BOUND,
            device="cpu",
            priority=self._priority,
            since=self._since,
            deadline=self._left(),
        )

    async def speak(self, stage: Callable[[], Awaitable[None]]) -> None:
        await self._scheduler.run(stage, priority=self._priority)

    def _left(self) -> float:
        return self._since + _PATIENCE - asyncio.get_running_loop().time()


POLICIES: dict[str, Callable[[Machine], Policy]] = {
    "serial": Serial,
    "naive": Direct,
    "report": Report,
    "xy_core": XyCore,
}
"""The ways to run requests, by name."""
