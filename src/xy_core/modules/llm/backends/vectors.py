"""Brings vectors to the one form in which all engines hand them over."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from xy_core.modules.llm.types import Embeddings

_SMALLEST = 1e-12
"""Length below which a vector has no direction: it stays as it is."""


def of_unit_length(vectors: ArrayLike) -> Embeddings:
    """Return float32 vectors of length 1.

    Args:
        vectors: shape ``(texts, width)``.

    Raises:
        ValueError: they are not of equal width.
    """
    rows = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    found: Embeddings = rows / np.maximum(lengths, _SMALLEST)
    return found
