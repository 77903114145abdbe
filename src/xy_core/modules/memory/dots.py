"""Unit vectors in a byte a number, and their dot products with a query.

A row is its numbers in steps of its own, so that the largest is 127 of them (symmetric quantisation
by row; Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018). Of unit
vectors of several hundred numbers this changes the cosine by about 0.0005, and a search reads a
quarter of the bytes that float32 has.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]
Product = Callable[[Bytes, Bytes], npt.NDArray[np.float64]]
"""Takes rows (n, width) and one vector (width,); returns n whole numbers."""

_STEPS = 127
_ROWS = 16_384
"""Rows at a time: simsimd holds the interpreter's lock, for some two milliseconds."""


def quantised(vectors: Floats) -> tuple[Bytes, Floats]:
    """Return rows as whole steps, int8 of the same shape, and the length of each row's step."""
    steps = np.abs(vectors).max(axis=-1).clip(1e-12) / _STEPS
    return np.rint(vectors / steps[..., None]).astype(np.int8), steps.astype(np.float32)


def cosines(rows: Bytes, steps: Floats, vector: Floats) -> Floats:
    """Return the dot product of each row with a vector: float32 (n,).

    Args:
        rows: of `quantised`, (n, width).
        steps: their steps, (n,).
        vector: of length 1, (width,).
    """
    query, step = quantised(vector)
    product = _product()
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _ROWS):
        found[start : start + _ROWS] = product(rows[start : start + _ROWS], query)
    found *= steps * step
    return found


@functools.cache
def _product() -> Product:
    """Return the quickest way that is installed: simsimd, which is about five times numpy."""
    try:
        simsimd = importlib.import_module("simsimd")
    except ImportError:
        return by_numpy

    def by_simsimd(rows: Bytes, vector: Bytes) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = np.asarray(simsimd.cdist(vector[None], rows, metric="dot"))
        return found.reshape(len(rows))

    return by_simsimd


def by_numpy(rows: Bytes, vector: Bytes) -> npt.NDArray[np.float64]:
    """Return the same; whole numbers below 2 ** 24 are exact in float32."""
    return (rows.astype(np.float32) @ vector.astype(np.float32)).astype(np.float64)
