from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.emotion.backends.calibration import LABELS, Calibration
from xy_core.modules.emotion.types import Emotion

SIZE = len(LABELS)


def stored(**changed: Any) -> dict[str, Any]:
    zeros, ones = [0.0] * SIZE, [1.0] * SIZE
    return {
        "temperature": 1.0,
        "bias": zeros,
        "slope": ones,
        "shift": zeros,
        "thresholds": [0.5] * SIZE,
    } | changed


def test_a_higher_temperature_is_less_sure():
    scores = np.array([3.0] + [0.0] * (2 * SIZE - 1))
    cold = Calibration.of(stored()).recognition(scores)
    warm = Calibration.of(stored(temperature=3.0)).recognition(scores)
    assert cold.probabilities[Emotion.JOY] > warm.probabilities[Emotion.JOY] > 1 / SIZE


def test_all_that_reach_their_threshold_are_named_the_likeliest_first():
    scores = np.zeros(2 * SIZE)
    scores[[LABELS.index(Emotion.FEAR), LABELS.index(Emotion.SADNESS)]] = 2.0, 1.0
    scores[SIZE:] = -9.0
    scores[SIZE + LABELS.index(Emotion.SADNESS)] = 2.0
    found = Calibration.of(stored()).recognition(scores)
    assert found.named == (Emotion.FEAR, Emotion.SADNESS)
    assert found.presence[Emotion.SADNESS] == pytest.approx(0.8808, abs=1e-4)


@given(st.lists(st.floats(-500, 500), min_size=2 * SIZE, max_size=2 * SIZE))
def test_any_scores_give_probabilities(scores: list[float]):
    found = Calibration.of(stored()).recognition(np.array(scores))
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in found.presence.values())
    assert found.named


@pytest.mark.parametrize("part", ["bias", "slope", "shift", "thresholds"])
def test_a_part_of_another_length_is_refused(part: str):
    with pytest.raises(ValueError, match="reshape"):
        Calibration.of(stored(**{part: [0.0] * (SIZE - 1)}))


def test_a_missing_part_is_refused():
    with pytest.raises(KeyError):
        Calibration.of({"temperature": 1.0})
