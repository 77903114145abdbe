"""One decision about the agent's mood: for every emotion, every strength, every doubt."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.agent import Policy, express, express_fully, voice_in
from xy_core.agent.express import express_care
from xy_core.agent.policy import CAREFUL
from xy_core.modules.emotion import Affect, Emotion, EmotionReading

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


# -- policies --------------------------------------------------------------------------------


@pytest.mark.parametrize("emotion", Emotion)
def test_to_mirror_shows_what_is_felt(emotion):
    shown = express(felt(emotion), "en", policies={emotion: Policy.MIRROR})
    assert shown.emotion is emotion
    assert max(shown.avatar, key=lambda one: shown.avatar[one]) == emotion.value


@pytest.mark.parametrize("emotion", Emotion)
def test_to_stay_steady_shows_nothing(emotion):
    assert express(felt(emotion), "en", policies={emotion: Policy.STEADY}).emotion is (
        Emotion.NEUTRAL
    )


def test_to_cheer_lifts_the_sad_and_to_soothe_does_not():
    cheering = express(felt(Emotion.SADNESS), "en", policies={Emotion.SADNESS: Policy.CHEER})
    soothing = express(felt(Emotion.SADNESS), "en")
    assert (cheering.emotion, cheering.policy) == (Emotion.JOY, Policy.CHEER)
    assert soothing.policy is Policy.SOOTHE
    assert cheering.voice.rate > 1 > soothing.voice.rate


@given(readings(), st.sampled_from(("en", "zh")))
def test_with_care_nothing_is_mirrored_or_made_light_of(reading, language):
    shown = express(reading, language, policies=CAREFUL)
    assert shown.policy is Policy.SOOTHE
    assert shown.emotion in {Emotion.SADNESS, Emotion.NEUTRAL}
    assert shown.voice.rate <= 1
    care = express_care(language)
    assert (care.emotion, care.policy) == (Emotion.NEUTRAL, Policy.SOOTHE)


def test_a_strong_mood_colours_voice_and_picture_but_not_the_words():
    sad = Affect({one: float(one is Emotion.SADNESS) for one in Emotion})
    plain, coloured = (
        express(felt(Emotion.NEUTRAL), "en", mood) for mood in (Affect.neutral(), sad)
    )
    assert (
        plain.voice.rate
        == 1
        > coloured.voice.rate
        > express(felt(Emotion.SADNESS), "en").voice.rate
    )
    assert coloured.image_mood != plain.image_mood
    assert (coloured.emotion, coloured.directive) == (plain.emotion, plain.directive)


def test_an_image_prompt_carries_the_mood():
    shown = express(felt(Emotion.JOY), "en")
    assert shown.image_prompt("a street") == f"a street, {shown.image_mood}"
    assert shown.image_prompt("  ") == shown.image_mood


def test_an_emotion_is_shown_fully_in_voice_and_picture():
    joy, sadness = express_fully(Emotion.JOY), express_fully(Emotion.SADNESS)
    assert joy.emotion is Emotion.JOY
    assert joy.voice == voice_in(Emotion.JOY)
    assert joy.image_prompt("a cat") != sadness.image_prompt("a cat")
