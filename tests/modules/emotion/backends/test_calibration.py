from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.emotion.backends.calibration import LABELS, Calibration, Evidence
from xy_core.modules.emotion.types import Emotion

SIZE = len(LABELS)
NONE = np.zeros(SIZE)


def stored(**changed: Any) -> dict[str, Any]:
    zeros, ones = [0.0] * SIZE, [1.0] * SIZE
    return {
        "temperature": 1.0,
        "words": 0.0,
        "bias": zeros,
        "there_slope": ones,
        "there_words": zeros,
        "there_bias": zeros,
        "thresholds": [0.5] * SIZE,
    } | changed


def scores(**given: float) -> np.ndarray:
    return np.array([given.get(label.value, 0.0) for label in LABELS])


def test_a_higher_temperature_is_less_sure():
    evidence = Evidence(scores(joy=3.0), NONE, NONE)
    cold = Calibration.of(stored()).recognition(evidence)
    warm = Calibration.of(stored(temperature=3.0)).recognition(evidence)
    assert cold.probabilities[Emotion.JOY] > warm.probabilities[Emotion.JOY] > 1 / SIZE


def test_the_second_opinion_counts_as_much_as_it_should():
    evidence = Evidence(scores(joy=1.0), scores(joy=-9.0), scores(fear=2.0))
    assert Calibration.of(stored()).recognition(evidence).named[0] is Emotion.JOY
    assert Calibration.of(stored(words=1.0)).recognition(evidence).named[0] is Emotion.FEAR
    found = Calibration.of(stored(there_words=[1.0] * SIZE)).recognition(evidence)
    assert found.presence[Emotion.FEAR] == pytest.approx(0.8808, abs=1e-4)


def test_all_that_reach_their_threshold_are_named_the_likeliest_first():
    there = np.full(SIZE, -9.0) + scores(sadness=11.0)
    evidence = Evidence(scores(fear=2.0, sadness=1.0), there, NONE)
    found = Calibration.of(stored()).recognition(evidence)
    assert found.named == (Emotion.FEAR, Emotion.SADNESS)
    assert found.presence[Emotion.SADNESS] == pytest.approx(0.8808, abs=1e-4)


@given(st.lists(st.floats(-2000, 2000), min_size=3 * SIZE, max_size=3 * SIZE))
def test_any_evidence_gives_probabilities(values: list[float]):
    found = Calibration.of(stored()).recognition(Evidence(*np.split(np.array(values), 3)))
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in found.presence.values())
    assert found.named


@pytest.mark.parametrize("part", ["bias", "there_slope", "there_words", "there_bias", "thresholds"])
def test_a_part_of_another_length_is_refused(part: str):
    with pytest.raises(ValueError, match="reshape"):
        Calibration.of(stored(**{part: [0.0] * (SIZE - 1)}))


def test_a_missing_part_is_refused():
    with pytest.raises(KeyError):
        Calibration.of({"temperature": 1.0})
