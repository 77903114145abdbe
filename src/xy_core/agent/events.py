"""What a turn tells its listener, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from xy_core.agent.express import Expression
from xy_core.core.errors import XyCoreError
from xy_core.modules.emotion import Affect, EmotionReading
from xy_core.modules.memory import Recalled
from xy_core.modules.vision import SceneFacts
from xy_core.modules.voice import Audio, Transcript


@dataclass(frozen=True, slots=True)
class TurnEvent:
    """Base of what `Agent.respond` yields.

    Attributes:
        kind: the event's short name, as the command line and the server show it.
    """

    kind: ClassVar[str] = "event"


@dataclass(frozen=True, slots=True)
class Heard(TurnEvent):
    """What was said in the user's audio."""

    kind: ClassVar[str] = "transcript"
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Seen(TurnEvent):
    """What was found in the user's picture."""

    kind: ClassVar[str] = "vision"
    facts: SceneFacts


@dataclass(frozen=True, slots=True)
class Felt(TurnEvent):
    """What the user seems to feel now, and the mood that it leads to."""

    kind: ClassVar[str] = "emotion"
    reading: EmotionReading
    mood: Affect


@dataclass(frozen=True, slots=True)
class Remembered(TurnEvent):
    """Memories that bear on this turn, best first."""

    kind: ClassVar[str] = "memory"
    memories: Sequence[Recalled]


@dataclass(frozen=True, slots=True)
class Expressed(TurnEvent):
    """How the agent will show its mood in this turn."""

    kind: ClassVar[str] = "expression"
    expression: Expression


@dataclass(frozen=True, slots=True)
class ReplyToken(TurnEvent):
    """A further piece of the reply's text."""

    kind: ClassVar[str] = "token"
    text: str


@dataclass(frozen=True, slots=True)
class SentenceWritten(TurnEvent):
    """A sentence of the reply is complete; its speech begins.

    Attributes:
        index: from 0.
        text: the sentence.
    """

    kind: ClassVar[str] = "sentence"
    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Spoken(TurnEvent):
    """A chunk of speech, ready to be played.

    Attributes:
        index: the sentence that it belongs to.
        audio: float32 mono samples with their rate.
    """

    kind: ClassVar[str] = "audio"
    index: int
    audio: Audio


@dataclass(frozen=True, slots=True)
class PartFailed(TurnEvent):
    """A part of the turn failed; the turn goes on without it.

    Attributes:
        part: ``vision``, ``emotion``, ``memory`` or ``voice``.
        error: why.
    """

    kind: ClassVar[str] = "part_failed"
    part: str
    error: XyCoreError


@dataclass(frozen=True, slots=True)
class TurnDone(TurnEvent):
    """The turn is complete.

    Attributes:
        reply: the whole reply.
        language: ``en`` or ``zh``.
        seconds: when things happened, in seconds since the turn began: ``perceived``,
            ``first_token``, ``first_audio`` (when there was any), ``done``.
    """

    kind: ClassVar[str] = "done"
    reply: str
    language: str
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class TurnFailed(TurnEvent):
    """The turn could not be completed; the last event of its turn."""

    kind: ClassVar[str] = "error"
    error: XyCoreError


def as_json(event: TurnEvent) -> dict[str, Any]:
    """Return an event as plain JSON types; audio is described, not included."""
    return {"event": event.kind} | _body(event)


def _body(event: TurnEvent) -> dict[str, Any]:  # noqa: PLR0911 - one line a kind
    match event:
        case Heard(transcript):
            return {"text": transcript.text, "language": transcript.language}
        case Seen(facts):
            return facts.as_json()
        case Felt(reading, mood):
            return reading.as_json() | {"mood": mood.as_json()}
        case Remembered(memories):
            return {
                "memories": [
                    {"text": found.memory.text, "score": round(found.score, 4)}
                    for found in memories
                ]
            }
        case Expressed(expression):
            return expression.as_json()
        case ReplyToken(text):
            return {"text": text}
        case SentenceWritten(index, text):
            return {"index": index, "text": text}
        case Spoken(index, audio):
            return {"index": index, "seconds": round(audio.seconds, 3), "rate": audio.rate}
        case PartFailed(part, error):
            return {"part": part, "error": str(error)}
        case TurnDone(reply, language, seconds):
            return {"reply": reply, "language": language, "seconds": seconds}
        case TurnFailed(error):
            return {"error": str(error), "type": type(error).__name__}
        case _:
            return {}
