"""One decision about the agent's mood: for every emotion, every strength, every doubt."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.agent import express
from xy_core.modules.emotion import Emotion, EmotionReading

OWN = {Emotion.JOY, Emotion.SADNESS, Emotion.SURPRISE, Emotion.NEUTRAL}
"""What the agent shows itself; it answers anger, fear and disgust calmly."""


def felt(emotion: Emotion, share: float = 1.0, *, unsure: bool = False) -> EmotionReading:
    """Return a reading with one emotion, the rest neutral."""
    shares = dict.fromkeys(Emotion, 0.0) | {Emotion.NEUTRAL: 1 - share}
    shares[emotion] += share
    return EmotionReading(shares, certainty=1.0, unsure=unsure)


@st.composite
def readings(draw) -> EmotionReading:
    weights = draw(
        st.lists(st.floats(0, 1), min_size=len(Emotion), max_size=len(Emotion)).filter(
            lambda given: sum(given) > 1e-3
        )
    )
    shares = {emotion: w / sum(weights) for emotion, w in zip(Emotion, weights, strict=True)}
    return EmotionReading.of(shares, draw(st.floats(0, 1)))


@given(readings(), st.sampled_from(("en", "zh")))
def test_every_reading_has_an_expression_within_bounds(reading, language):
    shown = express(reading, language)  # VoiceStyle itself refuses what is out of its range
    assert 0.5 <= shown.voice.rate <= 2
    assert -12 <= shown.voice.pitch <= 12
    assert 0.1 <= shown.voice.energy <= 2
    assert all(0 <= weight <= 1 for weight in shown.avatar.values())
    assert sum(shown.avatar.values()) == pytest.approx(1)
    assert shown.emotion in OWN
    assert shown.voice.emotion == shown.emotion.value
    assert shown.directive
    assert shown.image_mood
    assert json.loads(json.dumps(shown.as_json())) == shown.as_json()


@given(readings())
def test_doubt_is_answered_as_neutral(reading):
    unsure = EmotionReading(reading.probabilities, reading.certainty, unsure=True)
    shown = express(unsure, "en")
    assert shown.emotion is Emotion.NEUTRAL
    assert shown.avatar == {"neutral": 1.0}
    assert (shown.voice.rate, shown.voice.pitch, shown.voice.energy) == (1, 0, 1)


@pytest.mark.parametrize("emotion", Emotion)
def test_each_emotion_has_its_answer(emotion):
    shown = express(felt(emotion), "en")
    assert shown.emotion is (emotion if emotion in OWN else Emotion.NEUTRAL)
    assert (shown.directive == "friendly") == (emotion is Emotion.NEUTRAL)


def test_joy_quickens_the_voice_and_sadness_softens_it():
    joy, sadness = (
        express(felt(Emotion.JOY), "en").voice,
        express(felt(Emotion.SADNESS), "en").voice,
    )
    assert joy.rate > 1 > sadness.rate
    assert joy.pitch > 0 > sadness.pitch
    assert joy.energy > 1 > sadness.energy


@given(st.sampled_from(list(Emotion)), st.floats(0.5, 1), st.floats(0.5, 1))
def test_the_stronger_the_feeling_the_stronger_all_that_shows_it(emotion, one, other):
    weak, strong = (express(felt(emotion, share), "en") for share in sorted((one, other)))
    assert abs(weak.voice.rate - 1) <= abs(strong.voice.rate - 1)
    assert abs(weak.voice.pitch) <= abs(strong.voice.pitch)
    assert abs(weak.voice.energy - 1) <= abs(strong.voice.energy - 1)
    if weak.emotion is strong.emotion is not Emotion.NEUTRAL:
        assert weak.avatar[weak.emotion.value] <= strong.avatar[strong.emotion.value]


@pytest.mark.parametrize("emotion", Emotion)
def test_the_directive_is_in_the_language_of_the_reply(emotion):
    assert express(felt(emotion), "en").directive.isascii()
    assert not express(felt(emotion), "zh").directive.isascii()
