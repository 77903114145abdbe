"""xy-core's scheduler alone, with parts that are called directly."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Self

from xy_core.bench.experiments.chain import Chain, Part, Turn
from xy_core.bench.experiments.direct import Naive
from xy_core.bench.experiments.record import Recorder
from xy_core.core.arrival import serving
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskType


class XyCoreThreads(Naive):
    """Our scheduler with the same blocking parts, in a device lane and in the cpu lane."""

    def __init__(self, chain: Chain, recorder: Recorder, scheduler: GlobalTaskScheduler) -> None:
        super().__init__(chain, recorder)
        self._scheduler = scheduler

    async def __aenter__(self) -> Self:
        await self._scheduler.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._scheduler.stop()

    async def request(self, turn: Turn) -> None:
        """See `Policy`; all parts are as old as the request."""
        with serving(asyncio.get_running_loop().time()):
            await super().request(turn)

    def overlaps(self, stage: Sequence[Part]) -> bool:
        """See `Naive`."""
        return len(stage) > 1

    async def part(self, part: Part, turn: Turn) -> None:
        """See `Naive`."""
        if part.place == "network":
            await self.wait(part, turn)
            return
        kind = TaskType.GPU_BOUND if part.place == "device" else TaskType.CPU_BOUND
        await self._scheduler.run(self.work, part, turn, name=part.name, task_type=kind)

    def finish(self) -> None:
        """See `Policy`."""
        self._recorder.run.trace = self._scheduler.trace.as_report()
