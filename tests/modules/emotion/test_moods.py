from __future__ import annotations

import pytest

from xy_core.modules.emotion import Affect, Emotion, EmotionReading
from xy_core.modules.emotion.config import EmotionConfig
from xy_core.modules.emotion.moods import Moods

JOY = EmotionReading.of(
    {emotion: float(emotion is Emotion.JOY) for emotion in Emotion}, unsure_below=0.4
)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_stranger_is_neutral(clock: Clock):
    assert Moods(EmotionConfig(), clock).now("ann") == Affect.neutral()


def test_a_mood_is_one_persons(clock: Clock):
    moods = Moods(EmotionConfig(), clock)
    moods.move("ann", JOY)
    assert moods.now("ann").valence > 0
    assert moods.now("bob") == Affect.neutral()


def test_a_mood_grows_with_readings_and_fades_with_time(clock: Clock):
    moods = Moods(EmotionConfig(mood_half_life=100, mood_pull=0.5), clock)
    assert moods.move("ann", JOY).probabilities[Emotion.JOY] == 0.5
    assert moods.move("ann", JOY).probabilities[Emotion.JOY] == 0.75
    clock.seconds = 100
    assert moods.now("ann").probabilities[Emotion.JOY] == pytest.approx(0.375)


def test_asking_does_not_change_a_mood(clock: Clock):
    moods = Moods(EmotionConfig(mood_half_life=100), clock)
    moods.move("ann", JOY)
    clock.seconds = 50
    assert moods.now("ann") == moods.now("ann")


def test_the_longest_unused_mood_is_forgotten_first(clock: Clock):
    moods = Moods(EmotionConfig(max_people=2), clock)
    for person in ("ann", "bob", "ann", "cid"):
        moods.move(person, JOY)
    assert moods.now("bob") == Affect.neutral()
    assert moods.now("ann") != Affect.neutral()


def test_clear_forgets_everybody(clock: Clock):
    moods = Moods(EmotionConfig(), clock)
    moods.move("ann", JOY)
    moods.clear()
    assert moods.now("ann") == Affect.neutral()
