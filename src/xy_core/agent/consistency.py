"""Whether what came out of a turn shows the emotion that was meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from xy_core.agent.express import Expression
from xy_core.agent.manners import emotions_of_picture
from xy_core.core.events import Event
from xy_core.modules.emotion import Emotion, EmotionReading


@dataclass(frozen=True, slots=True)
class Consistency:
    """How each output of a turn stands to the emotion that was meant.

    Attributes:
        intended: the emotion that the expression chose.
        reading: what the whole reply reads as; None if nothing could read it.
        outputs: for ``text``, ``voice``, ``avatar`` and ``image``, whether the output agrees.
        corrected: whether the reply's beginning had to be written again.
    """

    intended: Emotion
    reading: EmotionReading | None
    outputs: dict[str, bool]
    corrected: bool

    @property
    def agrees(self) -> bool:
        """Whether all outputs agree."""
        return all(self.outputs.values())

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain JSON types."""
        return {
            "intended": self.intended.value,
            "read_as": self.reading.top.value if self.reading else None,
            "unsure": self.reading.unsure if self.reading else None,
            "outputs": self.outputs,
            "agrees": self.agrees,
            "corrected": self.corrected,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionChecked(Event):
    """A turn's outputs were held against the emotion that was meant.

    Attributes:
        person: whose turn it was.
        consistency: the verdict; where it does not agree, the turn is flagged.
    """

    topic: ClassVar[str] = "agent.consistency"
    person: str
    consistency: Consistency


def agrees(reading: EmotionReading, intended: Emotion) -> bool:
    """Whether words read as was meant; doubt counts as neutral, and as nothing else."""
    read_as = Emotion.NEUTRAL if reading.unsure else reading.top
    return read_as is intended


def check(
    expression: Expression, reading: EmotionReading | None, *, corrected: bool
) -> Consistency:
    """Hold a turn's outputs against each other.

    Args:
        expression: what was meant, and what voice, face and picture were given.
        reading: of the whole reply, if anything could read it.
        corrected: whether the reply's beginning had to be written again.
    """
    emotion = expression.emotion
    face = max(expression.avatar, key=lambda name: expression.avatar[name])
    outputs = {
        "text": reading is not None and agrees(reading, emotion),
        "voice": _voice_agrees(expression),
        "avatar": face == emotion.value,
        "image": emotion is Emotion.NEUTRAL
        or emotion in emotions_of_picture(expression.image_prompt("the scene")),
    }
    return Consistency(emotion, reading, outputs, corrected)


def _voice_agrees(expression: Expression) -> bool:
    """Whether pitch, rate and energy go the way that the emotion asks for."""
    voice = expression.voice
    raised = (voice.rate - 1) * 10 + voice.pitch + (voice.energy - 1) * 10
    match expression.emotion:
        case Emotion.JOY | Emotion.SURPRISE | Emotion.ANGER | Emotion.FEAR:
            return raised > 0
        case Emotion.SADNESS:
            return raised < 0
        case _:
            return True
