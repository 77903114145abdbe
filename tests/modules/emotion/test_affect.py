from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.emotion import Affect, Emotion, EmotionReading

distributions = (
    st.lists(st.floats(0.001, 1), min_size=len(Emotion), max_size=len(Emotion))
    .map(lambda found: [share / sum(found) for share in found])
    .map(lambda found: dict(zip(Emotion, found, strict=True)))
)
readings = st.builds(EmotionReading.of, distributions, st.floats(0, 1))
SAD = EmotionReading.of(
    {emotion: float(emotion is Emotion.SADNESS) for emotion in Emotion}, unsure_below=0.4
)


def is_distribution(mood: Affect) -> bool:
    shares = mood.probabilities.values()
    return sum(shares) == pytest.approx(1) and all(-1e-9 <= share <= 1 + 1e-9 for share in shares)


def test_neutral_is_the_origin():
    assert (Affect.neutral().valence, Affect.neutral().arousal) == (0, 0)


@pytest.mark.parametrize(
    ("emotion", "pleasant", "excited"),
    [
        (Emotion.JOY, True, True),
        (Emotion.SADNESS, False, False),
        (Emotion.ANGER, False, True),
        (Emotion.FEAR, False, True),
        (Emotion.SURPRISE, True, True),
        (Emotion.DISGUST, False, True),
    ],
)
def test_each_emotion_lies_in_its_quadrant(emotion: Emotion, pleasant: bool, excited: bool):
    mood = Affect({other: float(other is emotion) for other in Emotion})
    assert (mood.valence > 0, mood.arousal > 0) == (pleasant, excited)


def test_half_of_a_mood_is_gone_after_its_half_life():
    sad = Affect.neutral().blended(SAD, pull=1)
    assert sad.decayed(60, half_life=60).probabilities[Emotion.SADNESS] == pytest.approx(0.5)


def test_a_mood_does_not_change_when_the_clock_goes_back():
    sad = Affect.neutral().blended(SAD, pull=0.8)
    assert sad.decayed(-5, half_life=60) == sad


def test_nothing_moves_no_mood():
    sad = Affect.neutral().blended(SAD, pull=0.8)
    assert sad.blended(EmotionReading.nothing(), pull=1) == sad


def test_json_survives_a_round_trip():
    body = Affect.neutral().blended(SAD, pull=0.5).as_json()
    assert json.loads(json.dumps(body)) == body
    assert body["probabilities"]["sadness"] == 0.5
    assert body["valence"] < 0


@given(st.lists(st.tuples(readings, st.floats(0, 1), st.floats(0, 1e6)), max_size=8))
def test_moods_stay_distributions(history: list[tuple[EmotionReading, float, float]]):
    mood = Affect.neutral()
    for reading, pull, quiet in history:
        mood = mood.decayed(quiet, half_life=600).blended(reading, pull)
        assert is_distribution(mood)
        assert -1 <= mood.valence <= 1
        assert -1 <= mood.arousal <= 1


@given(readings, st.floats(1, 1e5))
def test_every_mood_fades_to_neutral(reading: EmotionReading, half_life: float):
    mood = Affect.neutral().blended(reading, pull=1).decayed(60 * half_life, half_life)
    assert mood.probabilities[Emotion.NEUTRAL] == pytest.approx(1)


@given(readings)
def test_certain_readings_move_a_mood_further(reading: EmotionReading):
    faint = EmotionReading(reading.probabilities, reading.certainty / 2, unsure=True)
    start = Affect.neutral()
    moved, moved_less = start.blended(reading, 1), start.blended(faint, 1)
    assert moved.probabilities[Emotion.NEUTRAL] <= moved_less.probabilities[Emotion.NEUTRAL] + 1e-9
