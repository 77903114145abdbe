"""The vision module: what is written in a picture, and what can be measured in it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from typing_extensions import override

from xy_core.core.errors import ModuleUnavailable
from xy_core.core.host_proxy import ill_hosts, make_backend
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.vision.backends.rapid_ocr import RapidOcrReader
from xy_core.modules.vision.colours import measure_colours
from xy_core.modules.vision.config import VisionConfig
from xy_core.modules.vision.picture import Picture
from xy_core.modules.vision.types import SceneFacts

_READING = "vision.read"


class VisionService(Module[VisionConfig]):
    """Reads the text of a picture and measures its colours, side by side.

    It does not recognise what a picture shows.
    """

    name: ClassVar[str] = "vision"
    config_model = VisionConfig

    def __init__(self, context: ModuleContext, config: VisionConfig) -> None:
        super().__init__(context, config)
        self._reader: RapidOcrReader | None = None

    @override
    async def initialize(self) -> None:
        """Load the text reader.

        Raises:
            MissingExtraError: its library is not installed.
            BackendError: it cannot be loaded.
        """
        reader = make_backend(RapidOcrReader, self.config, name="text reader", config=self.config)
        await self.context.scheduler.run(
            reader.load, name="vision.load", task_type=TaskType.CPU_BOUND
        )
        # The reader keeps state while it works, so further pictures wait in the lane's queue.
        self.context.scheduler.limit_key(_READING, 1)
        self._reader = reader

    async def look(
        self, picture: Picture, *, priority: TaskPriority = TaskPriority.MEDIUM
    ) -> SceneFacts:
        """Return the facts of a picture.

        Raises:
            BackendError: the reader failed.
            QueueFull: too many pictures wait.
        """
        if self._reader is None:
            raise ModuleUnavailable(self.name, None)
        scheduler = self.context.scheduler
        reading = scheduler.run(
            self._reader.read,
            picture,
            name=_READING,
            key=_READING,
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            priority=priority,
            note=f"{picture.width}x{picture.height}",
        )
        measuring = scheduler.run(
            measure_colours,
            picture,
            name="vision.measure",
            task_type=TaskType.CPU_BOUND,
            priority=priority,
        )
        lines, (colours, brightness) = await asyncio.gather(reading, measuring)
        return SceneFacts(picture.width, picture.height, lines, colours, brightness)

    @override
    async def stop(self) -> None:
        """Free the reader."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await asyncio.to_thread(reader.close)

    @override
    async def health(self) -> ModuleHealth:
        """Say whether the reader is loaded."""
        if self._reader is None:
            return ModuleHealth(HealthStatus.STOPPED)
        ill = ill_hosts([self._reader])
        return ModuleHealth(HealthStatus.DEGRADED if ill else HealthStatus.READY, ill)
