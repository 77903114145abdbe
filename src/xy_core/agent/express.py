"""One decision about the agent's mood, for all the ways in which it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xy_core.modules.emotion import Emotion, EmotionReading
from xy_core.modules.voice import VoiceStyle


@dataclass(frozen=True, slots=True)
class Expression:
    """How the agent shows itself in one turn; text, voice, face and picture all follow it.

    Attributes:
        emotion: what the agent shows, which need not be what the user feels.
        directive: how to write, one phrase in the language of the reply, for the prompt.
        voice: how to speak.
        avatar: weights of the face's expressions, 0 to 1.
        image_mood: words for an image generator's prompt, in English.
    """

    emotion: Emotion
    directive: str
    voice: VoiceStyle
    avatar: Mapping[str, float]
    image_mood: str

    def as_json(self) -> dict[str, Any]:
        """Return the expression as plain JSON types."""
        return {
            "emotion": self.emotion.value,
            "directive": self.directive,
            "voice": {
                "rate": self.voice.rate,
                "pitch": self.voice.pitch,
                "energy": self.voice.energy,
            },
            "avatar": {name: round(weight, 3) for name, weight in self.avatar.items()},
            "image_mood": self.image_mood,
        }


@dataclass(frozen=True, slots=True)
class _Answer:
    """The agent's way with one emotion of the user, at full intensity.

    Rate, pitch and energy follow what listeners take for the emotion (Scherer 2003, "Vocal
    communication of emotion", table 2): joy is faster, higher and louder, sadness and comfort
    slower, lower and softer.
    """

    emotion: Emotion
    en: str
    zh: str
    rate: float
    pitch: float
    energy: float
    image_mood: str


_ANSWERS: Mapping[Emotion, _Answer] = {
    Emotion.JOY: _Answer(
        Emotion.JOY, "joyful and warm", "开心、热情", 1.12, 2.0, 1.1, "bright, warm sunlight"
    ),
    Emotion.SADNESS: _Answer(
        Emotion.SADNESS, "gentle and comforting", "温柔、安慰", 0.88, -1.5, 0.85, "soft dusk light"
    ),
    Emotion.ANGER: _Answer(
        Emotion.NEUTRAL, "calm and understanding", "平静、理解", 0.94, -1.0, 0.9, "calm blue tones"
    ),
    Emotion.FEAR: _Answer(
        Emotion.NEUTRAL, "reassuring and steady", "安心、鼓励", 0.92, -0.5, 0.9, "safe, warm light"
    ),
    Emotion.SURPRISE: _Answer(
        Emotion.SURPRISE, "curious and lively", "好奇、活泼", 1.06, 1.5, 1.05, "vivid colours"
    ),
    Emotion.DISGUST: _Answer(
        Emotion.NEUTRAL, "calm and matter-of-fact", "平静、客观", 0.98, 0.0, 0.95, "clean, plain"
    ),
    Emotion.NEUTRAL: _Answer(Emotion.NEUTRAL, "friendly", "友好", 1.0, 0.0, 1.0, "natural light"),
}


def express(reading: EmotionReading, language: str) -> Expression:
    """Decide how to answer what the user feels.

    An unsure reading is answered as neutral: a wrong strong emotion does more harm than none.
    The strength of all outputs follows the reading's intensity.
    """
    felt = Emotion.NEUTRAL if reading.unsure else reading.top
    answer = _ANSWERS[felt]
    strength = 0.5 + 0.5 * reading.intensity
    shown = 0.0 if answer.emotion is Emotion.NEUTRAL else strength
    return Expression(
        emotion=answer.emotion,
        directive=answer.zh if language == "zh" else answer.en,
        voice=VoiceStyle(
            rate=round(1 + (answer.rate - 1) * strength, 3),
            pitch=round(answer.pitch * strength, 3),
            energy=round(1 + (answer.energy - 1) * strength, 3),
            emotion=answer.emotion.value,
        ),
        avatar={answer.emotion.value: shown, Emotion.NEUTRAL.value: 1.0 - shown}
        if shown
        else {Emotion.NEUTRAL.value: 1.0},
        image_mood=answer.image_mood,
    )
