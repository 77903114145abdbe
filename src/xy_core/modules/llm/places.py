"""Where a model's work runs: on a device, through its lane, or on a server, from the loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from xy_core.core.compute import give_way
from xy_core.core.model import ModelSpec, Variant
from xy_core.core.options import TaskOptions
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskType
from xy_core.models.plan import LlamaVariant
from xy_core.modules.llm.protocols import LanguageModel, RemoteLanguageModel
from xy_core.modules.llm.types import Completion, Delta, Embeddings, Request


class Place(ABC):
    """One model, and the lane that its work goes through.

    The options of all methods are those of `GlobalTaskScheduler.submit`.
    """

    @abstractmethod
    async def open(self) -> None:
        """Load the model if there is room."""

    @abstractmethod
    async def close(self) -> None:
        """End what the model does, and free it."""

    @abstractmethod
    def stream(self, request: Request, options: TaskOptions) -> TaskStream[Delta]:
        """Begin to write a reply."""

    @abstractmethod
    async def complete(self, request: Request, options: TaskOptions) -> Completion:
        """Write a whole reply; it may be preemptible."""

    @abstractmethod
    async def count(self, request: Request, options: TaskOptions) -> int:
        """Count the tokens of a prompt."""

    @abstractmethod
    async def embed(self, texts: Sequence[str], options: TaskOptions) -> Embeddings:
        """Turn texts into vectors."""


class OnDevice(Place):
    """A model that the scheduler brings to a device and takes away.

    Args:
        name: unique among the scheduler's models.
        model: what loads and writes.
        variants: how it may be held, the best first.
        working: bytes of the device that one request needs beside the model.
        scheduler: has the device.
        device: the kind of devices that may hold it.
        together: requests that it computes together (see `ModelSpec`).
    """

    def __init__(
        self,
        name: str,
        model: LanguageModel,
        *,
        variants: tuple[Variant, ...],
        working: int,
        scheduler: GlobalTaskScheduler,
        device: str,
        together: int | None = None,
    ) -> None:
        self.model = model
        self._scheduler = scheduler
        self._device = device
        self._name = name
        self._on_device = TaskOptions(
            task_type=TaskType.GPU_BOUND, device=device, model=name, memory=working
        )
        scheduler.register_model(_spec(name, model, variants, together), device)

    async def open(self) -> None:
        """See `Place`."""
        await self._scheduler.preload_model(self._name, self._device)

    async def close(self) -> None:
        """See `Place`."""
        await self._scheduler.revoke_model(self._name, self._device)

    def stream(self, request: Request, options: TaskOptions) -> TaskStream[Delta]:
        """See `Place`."""
        return self._scheduler.stream(_generate, request, **(options | self._on_device))

    async def complete(self, request: Request, options: TaskOptions) -> Completion:
        """See `Place`."""
        return await self._scheduler.run(_complete, request, **(options | self._on_device))

    async def count(self, request: Request, options: TaskOptions) -> int:
        """See `Place`."""
        return await self._scheduler.run(_count, request, **(options | self._on_device))

    async def embed(self, texts: Sequence[str], options: TaskOptions) -> Embeddings:
        """See `Place`."""
        return await self._scheduler.run(_embed, list(texts), **(options | self._on_device))


class OnServer(Place):
    """A model that a server has: its work waits on the loop and takes no device."""

    def __init__(self, model: RemoteLanguageModel, scheduler: GlobalTaskScheduler) -> None:
        self.model = model
        self._scheduler = scheduler

    async def open(self) -> None:
        """Do nothing: a server that is away now may be there when it is asked."""

    async def close(self) -> None:
        """See `Place`."""
        await self.model.close()

    def stream(self, request: Request, options: TaskOptions) -> TaskStream[Delta]:
        """See `Place`."""
        return self._scheduler.stream(self.model.generate, request, **options)

    async def complete(self, request: Request, options: TaskOptions) -> Completion:
        """See `Place`."""
        return await self._scheduler.run(_complete_remotely, self.model, request, **options)

    async def count(self, request: Request, options: TaskOptions) -> int:
        """See `Place`."""
        return await self._scheduler.run(self.model.count, request, **options)

    async def embed(self, texts: Sequence[str], options: TaskOptions) -> Embeddings:
        """See `Place`."""
        return await self._scheduler.run(self.model.embed, texts, **options)


def _spec(
    name: str, model: LanguageModel, variants: tuple[Variant, ...], together: int | None
) -> ModelSpec[LanguageModel]:
    """Return a model that tasks get as their first argument."""

    def load(_device: str, variant: Variant) -> LanguageModel:
        model.load(_layers(variant))
        return model

    def unload(loaded: LanguageModel) -> None:
        loaded.close()

    return ModelSpec(name, variants, load, unload, together=together)


def _layers(variant: Variant) -> int:
    """Return how many layers lie on the device; any number stands for a model that is whole."""
    if isinstance(variant, LlamaVariant):
        return variant.n_gpu_layers
    return int(variant.name == "full")


def _generate(emit: Callable[[Delta], None], model: LanguageModel, request: Request) -> None:
    model.generate(emit, request)


def _complete(model: LanguageModel, request: Request) -> Completion:
    deltas: list[Delta] = []

    def take(delta: Delta) -> None:
        give_way()
        deltas.append(delta)

    model.generate(take, request)
    return Completion.of(deltas)


def _count(model: LanguageModel, request: Request) -> int:
    return model.count(request)


def _embed(model: LanguageModel, texts: Sequence[str]) -> Embeddings:
    return model.embed(texts)


async def _complete_remotely(model: RemoteLanguageModel, request: Request) -> Completion:
    return Completion.of([delta async for delta in model.generate(request)])
