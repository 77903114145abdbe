"""A conversation of fifty turns over two days, and where the mood is after each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xy_core.modules.emotion import Emotion, EmotionReading
from xy_core.modules.emotion.config import EmotionConfig
from xy_core.modules.emotion.moods import Moods

SCRIPT = Path(__file__).with_name("script.tsv").read_text("utf-8").splitlines()[1:]


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def reading(emotion: str, certainty: float) -> EmotionReading:
    shares = {one: 0.9 if one == emotion else 0.1 / 6 for one in Emotion}
    return EmotionReading(shares, certainty, unsure=False)


def test_the_script_has_fifty_turns_and_every_emotion():
    rows = [line.split("\t") for line in SCRIPT]
    assert len(rows) == 50
    assert {row[1] for row in rows} == set(Emotion)


def test_the_mood_goes_where_the_conversation_takes_it():
    clock = Clock()
    moods = Moods(EmotionConfig(), clock)
    wrong = []
    for number, line in enumerate(SCRIPT, 1):
        minutes, emotion, certainty, expected, low, high, words = line.split("\t")
        clock.seconds += float(minutes) * 60
        mood = moods.move("ann", reading(emotion, float(certainty)))
        right = expected in {"any", mood.top} and float(low) <= mood.valence <= float(high)
        if not right:
            wrong.append((number, words, expected, mood.top.value, round(mood.valence, 3)))
    assert not wrong


def test_the_same_conversation_at_another_pace_ends_elsewhere():
    """Without time between the turns nothing fades."""
    moods = Moods(EmotionConfig(), Clock())
    for line in SCRIPT:
        _, emotion, certainty, *_ = line.split("\t")
        mood = moods.move("ann", reading(emotion, float(certainty)))
    assert mood.valence > 0.2  # with the night between them it is 0
