from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.emotion import Emotion, EmotionReading


def shares(**given: float) -> dict[Emotion, float]:
    return {emotion: given.get(emotion.value, 0.0) for emotion in Emotion}


def test_top_is_the_likeliest_and_intensity_leaves_neutral_out():
    reading = EmotionReading.of(shares(sadness=0.3, fear=0.1, neutral=0.6), unsure_below=0.4)
    assert reading.top is Emotion.NEUTRAL
    assert reading.intensity == 0.3
    assert not reading.unsure


def test_a_flat_distribution_is_unsure_and_knows_nothing():
    flat = dict.fromkeys(Emotion, 1 / len(Emotion))
    reading = EmotionReading.of(flat, unsure_below=0.4)
    assert reading.unsure
    assert reading.certainty == pytest.approx(0)


def test_no_doubt_is_full_certainty():
    assert EmotionReading.of(shares(joy=1.0), unsure_below=0.4).certainty == 1


def test_nothing_is_neutral_and_counts_for_nothing():
    nothing = EmotionReading.nothing()
    assert nothing.top is Emotion.NEUTRAL
    assert nothing.unsure
    assert (nothing.intensity, nothing.certainty) == (0, 0)


def test_json_survives_a_round_trip():
    body = EmotionReading.of(shares(anger=0.75, disgust=0.25), unsure_below=0.4).as_json()
    assert json.loads(json.dumps(body)) == body
    assert body["top"] == "anger"
    assert body["probabilities"]["disgust"] == 0.25


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(lambda found: sum(found) > 0.01))
def test_certainty_and_intensity_stay_in_bounds(found: list[float]):
    total = math.fsum(found)
    distribution = {emotion: share / total for emotion, share in zip(Emotion, found, strict=True)}
    reading = EmotionReading.of(distribution, unsure_below=0.4)
    assert 0 <= reading.certainty <= 1
    assert 0 <= reading.intensity <= 1
