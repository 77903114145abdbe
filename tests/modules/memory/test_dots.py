"""Vectors in bytes: as near to one another as they were."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from xy_core.modules.memory import dots
from xy_core.modules.memory.dots import cosines, quantised


def unit(count, width=768, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(params=["simsimd", "numpy"])
def library(request, monkeypatch):
    """With and without simsimd."""
    dots._product.cache_clear()
    if request.param == "numpy":
        monkeypatch.setitem(sys.modules, "simsimd", None)
    else:
        pytest.importorskip("simsimd")
    yield request.param
    dots._product.cache_clear()


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("count", [0, 1, 5, dots._ROWS + 1])
def test_cosines_are_those_of_the_vectors(count):
    rows, query = unit(count), unit(1, seed=1)[0]
    found = cosines(*quantised(rows), query)
    assert (found.shape, found.dtype) == ((count,), np.float32)
    assert np.abs(found - rows @ query).max(initial=0) < 0.002


@pytest.mark.usefixtures("library")
def test_a_vector_is_one_with_itself_and_the_same_text_is_the_same():
    (row,) = unit(1)
    same = cosines(*quantised(np.stack([row, row, -row])), row)
    assert same == pytest.approx([1, 1, -1], abs=0.001)
    assert same[0] == same[1]


def test_the_order_of_the_nearest_is_kept_where_they_differ():
    rows, query = unit(2_000), unit(1, seed=1)[0]
    exact = np.sort(rows @ query)[::-1][:5]
    found = np.argsort(-cosines(*quantised(rows), query))[:5]
    assert rows[found] @ query == pytest.approx(exact, abs=0.002)


def test_zeros_and_tiny_numbers_are_no_error():
    rows = np.zeros((2, 8), np.float32)
    rows[1] = 1e-20
    assert np.isfinite(cosines(*quantised(rows), np.ones(8, np.float32))).all()
