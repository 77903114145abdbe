"""What came out is held against what was meant."""

from __future__ import annotations

import dataclasses

import pytest

from xy_core.agent import Policy, express
from xy_core.agent.consistency import agrees, check
from xy_core.modules.emotion import Emotion, EmotionReading
from xy_core.modules.voice import VoiceStyle


def reads(emotion: Emotion, share: float = 0.9) -> EmotionReading:
    rest = (1 - share) / (len(Emotion) - 1)
    return EmotionReading.of({one: share if one is emotion else rest for one in Emotion}, 0.4)


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("emotion", Emotion)
def test_every_expression_agrees_with_itself(emotion, policy):
    shown = express(reads(emotion), "en", policies={emotion: policy})
    verdict = check(shown, reads(shown.emotion), corrected=False)
    assert verdict.agrees
    assert set(verdict.outputs) == {"text", "voice", "avatar", "image"}


@pytest.mark.parametrize(
    ("output", "change"),
    [
        ("voice", {"voice": VoiceStyle(rate=0.8, pitch=-3)}),
        ("avatar", {"avatar": {"sadness": 1.0}}),
        ("image", {"image_mood": "soft dusk light"}),
    ],
)
def test_an_output_in_another_mood_is_flagged(output, change):
    joyful = dataclasses.replace(express(reads(Emotion.JOY), "en"), **change)
    verdict = check(joyful, reads(Emotion.JOY), corrected=False)
    assert not verdict.agrees
    assert [name for name, right in verdict.outputs.items() if not right] == [output]


def test_words_in_another_mood_or_unread_are_flagged():
    joyful = express(reads(Emotion.JOY), "en")
    assert check(joyful, reads(Emotion.SADNESS), corrected=True).outputs["text"] is False
    assert check(joyful, None, corrected=False).outputs["text"] is False


def test_doubt_counts_as_neutral_and_as_nothing_else():
    doubtful = reads(Emotion.JOY, 0.3)
    assert doubtful.unsure
    assert agrees(doubtful, Emotion.NEUTRAL)
    assert not agrees(doubtful, Emotion.JOY)
    assert not agrees(reads(Emotion.JOY), Emotion.NEUTRAL)
