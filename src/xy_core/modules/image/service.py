"""The image module: paints pictures, one stream or one batched task a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from typing_extensions import override

from xy_core.core.batching import Batching
from xy_core.core.errors import ModuleUnavailable
from xy_core.core.events import Event
from xy_core.core.host_proxy import ill_hosts, make_backend
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority, TaskType
from xy_core.models import ModelStore
from xy_core.models.variants import plan_on
from xy_core.modules.image.backends.a1111 import A1111Images
from xy_core.modules.image.backends.diffusers import DiffusersPainter
from xy_core.modules.image.backends.openai import OpenAIImages
from xy_core.modules.image.complete import complete
from xy_core.modules.image.config import ImageConfig
from xy_core.modules.image.events import ImageMade, ImageStep
from xy_core.modules.image.held import image_model
from xy_core.modules.image.types import (
    Generated,
    ImageEngine,
    ImageEvent,
    ImageJob,
    ImageRequest,
    RemoteImageEngine,
)

_MODEL = "image.painter"
_WORKING = 5_200
"""Bytes of working memory a pixel: what the catalogue leaves for the activations of SD 1.5 in
half precision at 512 x 512, 3.5 GB less 2.1 GB of weights. Reported peaks correct it at work."""


class ImageService(Module[ImageConfig]):
    """Paints pictures here, or has a server paint them."""

    name: ClassVar[str] = "image"
    config_model = ImageConfig
    publishes: ClassVar[tuple[type[Event], ...]] = (ImageStep, ImageMade)

    def __init__(self, context: ModuleContext, config: ImageConfig) -> None:
        super().__init__(context, config)
        self._local: ImageEngine | None = None
        self._remote: RemoteImageEngine | None = None
        self._requests = 0

    @override
    async def initialize(self) -> None:
        """Make the engine known; its model comes with the first request.

        Raises:
            ModelNotInstalledError: the model is not on this machine.
            MissingExtraError: the engine's library is not installed.
        """
        if self.config.engine != "diffusers":
            self._remote = _remote(self.config)
            return
        store, scheduler = self.context.resource(ModelStore), self.context.scheduler
        planned = plan_on(
            scheduler,
            self.config.device,
            store,
            self.config.model,
            node=self.config.node_of(self.config.model),
        )
        engine = make_backend(
            DiffusersPainter,
            store.path(self.config.model),
            self.config,
            name=self.config.model,
            config=self.config,
            memory=planned.variants[0].device_bytes,
        )
        scheduler.register_model(image_model(_MODEL, engine, planned.variants), self.config.device)
        # A pipeline keeps state while it works; further requests wait in the lane's queue.
        scheduler.limit_key(_MODEL, 1)
        self._local = engine

    def generate(
        self, request: ImageRequest, *, priority: TaskPriority = TaskPriority.MEDIUM
    ) -> TaskStream[ImageEvent]:
        """Begin to paint; the stream gives each step, then each picture.

        Closing the stream ends the work within a step. Urgent work gets the device between steps.

        Raises:
            InputError: something in the request is impossible.
            ModuleUnavailable: the module is not running.
            QueueFull: too many requests wait.
        """
        job = complete(request, self.config)
        self._requests += 1
        label = f"image-{self._requests}"
        note = f"{job.count} of {job.width}x{job.height}, {job.steps} steps"
        if self._remote is not None:
            return self.context.scheduler.stream(
                self._have_painted,
                self._remote,
                job,
                label,
                name="image.generate",
                priority=priority,
                note=note,
            )
        if self._local is None:
            raise ModuleUnavailable(self.name, None)
        return self.context.scheduler.stream(
            _generate,
            job,
            self._teller(label),
            # A slow listener must not hold the device: some schedulers take two steps for one.
            buffer=2 * job.steps + job.count,
            name="image.generate",
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            model=_MODEL,
            memory=working_memory(job),
            key=_MODEL,
            priority=priority,
            note=note,
        )

    async def paint(
        self, request: ImageRequest, *, priority: TaskPriority = TaskPriority.MEDIUM
    ) -> tuple[Generated, ...]:
        """Return the pictures of a request, painted together with others of its kind that wait.

        Raises:
            InputError: something in the request is impossible.
            BackendError: the engine failed.
            ModuleUnavailable: the module is not running.
            QueueFull: too many requests wait.
        """
        if self._local is None:
            async with self.generate(request, priority=priority) as events:
                return tuple([event async for event in events if isinstance(event, Generated)])
        job = complete(request, self.config)
        config = self.config
        # What a batch returns is a list of what each of its tasks returns.
        one: Callable[..., Any] = _paint
        made: tuple[Generated, ...] = await self.context.scheduler.run(
            one,
            job,
            name="image.paint",
            task_type=TaskType.GPU_BOUND,
            device=config.device,
            model=_MODEL,
            memory=working_memory(job),
            batching=Batching(config.max_batch, config.max_wait, job.kind),
            priority=priority,
            note=f"{job.count} of {job.width}x{job.height}",
        )
        return made

    @override
    async def stop(self) -> None:
        """Free the engine."""
        local, self._local = self._local, None
        remote, self._remote = self._remote, None
        if local is not None:
            await self.context.scheduler.revoke_model(_MODEL, self.config.device)
        if remote is not None:
            await remote.close()

    @override
    async def health(self) -> ModuleHealth:
        """Name the engine and its model."""
        if self._local is None and self._remote is None:
            return ModuleHealth(HealthStatus.STOPPED)
        facts = {"engine": self.config.engine, "model": self.config.model}
        return ModuleHealth(HealthStatus.READY, ill_hosts([self._local]), facts)

    async def _have_painted(
        self, engine: RemoteImageEngine, job: ImageJob, label: str
    ) -> AsyncGenerator[ImageEvent, None]:
        async with aclosing(engine.generate(job)) as events:
            async for event in events:
                self._tell(label, event)
                yield event

    def _teller(self, label: str) -> Callable[[ImageEvent], None]:
        loop = asyncio.get_running_loop()

        def tell(event: ImageEvent) -> None:
            loop.call_soon_threadsafe(self._tell, label, event)

        return tell

    def _tell(self, label: str, event: ImageEvent) -> None:
        """Publish an event; who listens slowly misses some."""
        self.context.bus.publish_nowait(_public(label, event))


def _remote(config: ImageConfig) -> RemoteImageEngine:
    return OpenAIImages(config) if config.engine == "openai" else A1111Images(config)


def working_memory(job: ImageJob) -> int:
    """Return the bytes of the device that a job needs beside the model."""
    return _WORKING * job.width * job.height * job.count


def _public(label: str, event: ImageEvent) -> Event:
    if isinstance(event, Generated):
        height, width, _ = event.pixels.shape
        return ImageMade(
            request=label,
            index=event.index,
            width=width,
            height=height,
            seed=event.seed,
            flagged=event.flagged,
        )
    return ImageStep(request=label, done=event.done, total=event.total, preview=event.preview)


def _generate(
    emit: Callable[[ImageEvent], None],
    engine: ImageEngine,
    job: ImageJob,
    tell: Callable[[ImageEvent], None],
) -> None:
    def hand_over(event: ImageEvent) -> None:
        tell(event)
        emit(event)

    engine.generate(hand_over, job)


def _paint(engine: ImageEngine, jobs: Sequence[ImageJob]) -> list[tuple[Generated, ...]]:
    return engine.paint(jobs)
