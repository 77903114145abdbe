"""What turns texts into vectors: chosen by the configuration, or handed over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any, Protocol

import numpy as np

from xy_core.core.errors import BackendError
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.memory.query import Vectors

JOINT = "+"
"""Between the catalogue ids of two embedders that are asked together."""
LENT = "llm"
MULTILINGUAL = "use-multilingual"
SERVER = "server"
EmbedCall = Callable[[Sequence[str], TaskPriority], Awaitable[Vectors]]
"""Returns one vector a text: float32, (texts, dimensions); of any length. It is told how urgent
that is: old memories are embedded anew as LOW work."""


class Role(Enum):
    """What a text is; some models are told, and make another vector of it."""

    QUERY = "query"
    PASSAGE = "passage"


class LocalModel(Protocol):
    """A model that blocks while it computes."""

    def load(self) -> None:
        """Read the model into memory."""

    def embed(self, texts: Sequence[str], role: Role) -> Vectors:
        """Return one vector a text: float32, (texts, dimensions)."""

    def count(self, texts: Sequence[str]) -> int | None:
        """Return how many tokens are read of texts; None if it reads no tokens."""


class Embedder(Protocol):
    """Turns texts into unit vectors whose dot product is their similarity.

    Attributes:
        name: whose vectors these are; those of another name are not compared with them.
        english_only: whether it understands nothing else.
        unlike: the cosine of texts that have nothing in common, from which likeness is counted.
    """

    name: str
    english_only: bool
    unlike: float

    async def embed(self, texts: Sequence[str], role: Role, priority: TaskPriority) -> Vectors:
        """Return one vector a text: float32, (texts, dimensions).

        Raises:
            BackendError: it failed.
        """

    async def count(self, texts: Sequence[str], priority: TaskPriority) -> int | None:
        """Return how many tokens are read of texts; None if it does not tell."""


class LocalEmbedder:
    """A model of this process, which computes on a device lane."""

    def __init__(
        self,
        name: str,
        model: LocalModel,
        scheduler: GlobalTaskScheduler,
        *,
        device: str,
        english_only: bool,
        unlike: float,
    ) -> None:
        self.name = name
        self.unlike = unlike
        self.english_only = english_only
        self._model = model
        self._scheduler = scheduler
        self._device = device

    async def embed(self, texts: Sequence[str], role: Role, priority: TaskPriority) -> Vectors:
        """Return one vector a text."""
        return await self._scheduler.run(
            self._model.embed,
            texts,
            role,
            name="memory.embed",
            task_type=TaskType.GPU_BOUND,
            device=self._device,
            priority=priority,
        )

    async def count(self, texts: Sequence[str], priority: TaskPriority) -> int | None:
        """Return how many tokens are read of texts; None if it reads no tokens."""
        return await self._scheduler.run(
            self._model.count,
            texts,
            name="memory.count",
            task_type=TaskType.CPU_BOUND,
            priority=priority,
        )


class CalledEmbedder:
    """A function of somebody else's, such as a language model's embeddings, or a server's."""

    english_only = False
    unlike = 0.0

    def __init__(
        self, name: str, call: EmbedCall, scheduler: GlobalTaskScheduler, timeout: float
    ) -> None:
        self.name = name
        self._call = call
        self._scheduler = scheduler
        self._timeout = timeout

    async def embed(self, texts: Sequence[str], role: Role, priority: TaskPriority) -> Vectors:  # noqa: ARG002
        """Return one vector a text, brought to length 1, whatever its role."""
        found: Any = await self._scheduler.run(
            self._call,
            texts,
            priority,
            name="memory.embed",
            task_type=TaskType.DEFAULT,
            priority=priority,
            timeout=self._timeout,
        )
        return await asyncio.to_thread(normalised, found, len(texts))

    async def count(self, texts: Sequence[str], priority: TaskPriority) -> int | None:  # noqa: ARG002
        """Return None: it does not tell."""
        return None


def normalised(vectors: Vectors, count: int) -> Vectors:
    """Return vectors of length 1.

    Raises:
        BackendError: they are not one a text, or some are no direction at all.
    """
    rows = np.asarray(vectors, np.float32)
    if rows.ndim != 2 or len(rows) != count or not rows.size:  # noqa: PLR2004 - rows and columns
        raise BackendError(f"the embedder gave {rows.shape} numbers for {count} texts")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise BackendError("the embedder gave vectors without a direction")
    unit: Vectors = rows / lengths
    return unit
