from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.errors import BackendError
from xy_core.modules.emotion.backends.linear import LinearRecogniser

WEIGHTS = files("xy_core.modules.emotion.backends") / "weights.npz"
RECOGNISER = LinearRecogniser.load(WEIGHTS)
ANY_TEXT = st.text(st.characters())


@given(ANY_TEXT)
def test_any_text_gives_a_distribution_or_nothing(text: str):
    probabilities = RECOGNISER.probabilities(text)
    if probabilities is not None:
        assert sum(probabilities.values()) == pytest.approx(1)
        assert all(0 <= share <= 1 for share in probabilities.values())


def test_a_text_without_words_gives_nothing():
    assert RECOGNISER.probabilities("... !!! 123") is None


def test_the_weights_are_small():
    assert len(WEIGHTS.read_bytes()) <= 4_000_000


def test_missing_weights_are_reported(tmp_path: Path):
    with pytest.raises(BackendError, match="reinstall"):
        LinearRecogniser.load(tmp_path / "weights.npz")


@pytest.mark.parametrize("keep", [0, 4, 1_000, -20])
def test_truncated_weights_are_reported(tmp_path: Path, keep: int):
    damaged = tmp_path / "weights.npz"
    damaged.write_bytes(WEIGHTS.read_bytes()[:keep])
    with pytest.raises(BackendError, match="reinstall"):
        LinearRecogniser.load(damaged)


def test_garbage_is_reported(tmp_path: Path):
    damaged = tmp_path / "weights.npz"
    damaged.write_bytes(b"\x93NUMPY" + bytes(200))
    with pytest.raises(BackendError, match="reinstall"):
        LinearRecogniser.load(damaged)


def test_weights_of_another_shape_are_refused(tmp_path: Path):
    other = tmp_path / "weights.npz"
    np.savez(
        other,
        weights=np.zeros((8, 7), np.int8),
        rarity=np.ones(8, np.float16),
        scale=np.ones(7, np.float32),
        bias=np.zeros((2, 7), np.float32),
        temperature=np.ones(2, np.float32),
    )
    with pytest.raises(BackendError, match="shapes"):
        LinearRecogniser.load(other)
