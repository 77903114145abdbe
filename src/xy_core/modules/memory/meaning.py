"""The embedder that memories are found by, for others who want to compare texts as memory does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from xy_core.core.errors import ModuleUnavailable, XyCoreError
from xy_core.core.task import TaskPriority
from xy_core.modules.memory.embedding import Embedder, Role
from xy_core.modules.memory.embedding_work import EmbeddingWork
from xy_core.modules.memory.query import Vectors

_BATCH = 32  # texts that are embedded at a time


class Meaning:
    """What makes vectors of texts that are no memories."""

    name: ClassVar[str]
    _embedding: EmbeddingWork
    _trouble: XyCoreError | None

    @property
    def embedding_model(self) -> str | None:
        """What understands meaning; None if memories are found by words alone."""
        return self._embedding.embedder.name if self._embedding.embedder else None

    async def embed(
        self, texts: Sequence[str], *, priority: TaskPriority = TaskPriority.MEDIUM
    ) -> Vectors:
        """Return a unit vector a text: float32, (texts, dimensions).

        All are embedded as queries are, so that they can be compared with one another.

        Raises:
            ModuleUnavailable: there is nothing that understands meaning.
            BackendError: it failed.
        """
        embedder = self._understanding()
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        return np.concatenate(
            [await embedder.embed(batch, Role.QUERY, priority) for batch in batches]
        )

    async def count_tokens(
        self, texts: Sequence[str], *, priority: TaskPriority = TaskPriority.HIGH
    ) -> int | None:
        """Return how many tokens `embed` reads of texts; None if the embedder does not tell.

        Raises:
            ModuleUnavailable: there is nothing that understands meaning.
        """
        return await self._understanding().count(texts, priority)

    def _understanding(self) -> Embedder:
        if self._embedding.embedder is None:
            raise ModuleUnavailable(f"{self.name}.embedding", self._trouble)
        return self._embedding.embedder
