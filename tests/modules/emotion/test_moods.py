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


def surely(emotion: Emotion) -> EmotionReading:
    return EmotionReading.of({one: float(one is emotion) for one in Emotion}, unsure_below=0.4)


def test_grief_outlasts_a_fright(clock: Clock):
    moods = Moods(EmotionConfig(), clock)
    moods.move("sad", surely(Emotion.SADNESS))
    moods.move("afraid", surely(Emotion.FEAR))
    clock.seconds = 900
    assert moods.now("sad").probabilities[Emotion.SADNESS] > 0.4
    assert moods.now("afraid").probabilities[Emotion.FEAR] < 0.1


def test_half_lives_can_be_set_one_by_one_and_the_rest_stays(clock: Clock):
    config = EmotionConfig.model_validate({"half_lives": {"joy": 10}, "mood_pull": 1})
    moods = Moods(config, clock)
    moods.move("ann", JOY)
    clock.seconds = 10
    assert moods.now("ann").probabilities[Emotion.JOY] == pytest.approx(0.5)
    assert config.half_lives[Emotion.SADNESS] == EmotionConfig().half_lives[Emotion.SADNESS]


@pytest.mark.parametrize("bad", [{"half_lives": {"joy": 0}}, {"trust": {"face": -1}}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ValueError, match="0"):
        EmotionConfig.model_validate(bad)


def test_inertia_holds_a_mood_against_its_opposite_only(clock: Clock):
    firm, loose = (Moods(EmotionConfig(inertia=inertia), clock) for inertia in (0.8, 0.0))
    for moods in (firm, loose):
        moods.move("ann", surely(Emotion.SADNESS))
    assert firm.now("ann") == loose.now("ann")
    assert firm.move("ann", JOY).valence < loose.move("ann", JOY).valence - 0.1
    for moods in (firm, loose):
        moods.forget("ann")
        moods.move("ann", surely(Emotion.SADNESS))
    again = [moods.move("ann", surely(Emotion.SADNESS)).valence for moods in (firm, loose)]
    assert again[0] == again[1]


def test_a_mood_recovers_to_the_personality_it_rests_in(clock: Clock):
    config = EmotionConfig.model_validate({"personality": {"agreeableness": 1, "extraversion": 1}})
    moods = Moods(config, clock)
    at_rest = moods.now("ann").valence
    assert at_rest > 0.1
    path = [moods.move("ann", surely(Emotion.SADNESS)).valence]
    for _ in range(20):
        clock.seconds += 600
        path.append(moods.now("ann").valence)
    assert path == sorted(path)
    assert path[-1] == pytest.approx(at_rest, abs=0.01)


def test_an_earlier_mood_is_taken_up_as_old_as_it_is(clock: Clock):
    moods = Moods(EmotionConfig(mood_half_life=100), clock)
    moods.restore("ann", Affect(JOY.probabilities), age=100)
    assert moods.now("ann").probabilities[Emotion.JOY] == pytest.approx(0.5)
    moods.restore("ann", Affect.neutral(), age=0)
    assert moods.now("ann").probabilities[Emotion.JOY] == pytest.approx(0.5)


def test_worry_lasts_its_time_and_is_one_persons(clock: Clock):
    moods = Moods(EmotionConfig(concern=100), clock)
    moods.worry("ann")
    assert moods.worried("ann")
    assert not moods.worried("bob")
    clock.seconds = 99
    moods.worry("ann", age=1_000)  # an older sign does not shorten it
    assert moods.worried("ann")
    clock.seconds = 100
    assert not moods.worried("ann")
