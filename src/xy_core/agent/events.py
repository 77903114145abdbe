"""What a turn tells its listener, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from xy_core.agent.consistency import Consistency
from xy_core.agent.express import Expression
from xy_core.agent.provider import Note
from xy_core.core.errors import XyCoreError
from xy_core.modules.emotion import Affect, CrisisSign, EmotionReading, Evidence
from xy_core.modules.image import Generated
from xy_core.modules.llm import ToolCall
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

    def body(self) -> dict[str, Any]:
        """Return the event's content as plain JSON types; audio is described, not included."""
        return {}

    def as_json(self) -> dict[str, Any]:
        """Return the event as plain JSON types: its kind as ``event``, and its `body`."""
        return {"event": self.kind} | self.body()


@dataclass(frozen=True, slots=True)
class Heard(TurnEvent):
    """What was said in the user's audio."""

    kind: ClassVar[str] = "transcript"
    transcript: Transcript

    @override
    def body(self) -> dict[str, Any]:
        return {"text": self.transcript.text, "language": self.transcript.language}


@dataclass(frozen=True, slots=True)
class Seen(TurnEvent):
    """What was found in the user's picture."""

    kind: ClassVar[str] = "vision"
    facts: SceneFacts

    @override
    def body(self) -> dict[str, Any]:
        return self.facts.as_json()


@dataclass(frozen=True, slots=True)
class Felt(TurnEvent):
    """What the user seems to feel now, from which evidence, and the mood that it leads to."""

    kind: ClassVar[str] = "emotion"
    reading: EmotionReading
    mood: Affect
    evidence: Sequence[Evidence] = ()

    @override
    def body(self) -> dict[str, Any]:
        return self.reading.as_json() | {
            "mood": self.mood.as_json(),
            "evidence": [evidence.as_json() for evidence in self.evidence],
        }


@dataclass(frozen=True, slots=True)
class CrisisNoticed(TurnEvent):
    """There is a sign that the user may be in danger; the careful path follows."""

    kind: ClassVar[str] = "crisis"
    sign: CrisisSign

    @override
    def body(self) -> dict[str, Any]:
        return {"kind": self.sign.kind, "words": self.sign.words}


@dataclass(frozen=True, slots=True)
class Remembered(TurnEvent):
    """Memories that bear on this turn, best first."""

    kind: ClassVar[str] = "memory"
    memories: Sequence[Recalled]

    @override
    def body(self) -> dict[str, Any]:
        return {
            "memories": [
                {"text": found.memory.text, "score": round(found.score, 4)}
                for found in self.memories
            ]
        }


@dataclass(frozen=True, slots=True)
class Informed(TurnEvent):
    """What other modules know that bears on this turn."""

    kind: ClassVar[str] = "context"
    notes: Sequence[Note]

    @override
    def body(self) -> dict[str, Any]:
        return {"notes": [{"module": note.module, "text": note.text} for note in self.notes]}


@dataclass(frozen=True, slots=True)
class Expressed(TurnEvent):
    """How the agent will show its mood in this turn."""

    kind: ClassVar[str] = "expression"
    expression: Expression

    @override
    def body(self) -> dict[str, Any]:
        return self.expression.as_json()


@dataclass(frozen=True, slots=True)
class ReplyToken(TurnEvent):
    """A further piece of the reply's text."""

    kind: ClassVar[str] = "token"
    text: str

    @override
    def body(self) -> dict[str, Any]:
        return {"text": self.text}


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

    @override
    def body(self) -> dict[str, Any]:
        return {"index": self.index, "text": self.text}


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

    @override
    def body(self) -> dict[str, Any]:
        seconds = round(self.audio.seconds, 3)
        return {"index": self.index, "seconds": seconds, "rate": self.audio.rate}


@dataclass(frozen=True, slots=True)
class Painted(TurnEvent):
    """A picture that the user asked for is ready.

    Attributes:
        subject: what the user wanted to see.
        picture: its pixels, seed, and whether the safety checker took it away.
    """

    kind: ClassVar[str] = "picture"
    subject: str
    picture: Generated

    @override
    def body(self) -> dict[str, Any]:
        height, width, _ = self.picture.pixels.shape
        return {
            "subject": self.subject,
            "width": width,
            "height": height,
            "seed": self.picture.seed,
            "flagged": self.picture.flagged,
        }


@dataclass(frozen=True, slots=True)
class ToolCalled(TurnEvent):
    """The model calls a tool.

    Attributes:
        call: its name and arguments.
        by_client: whether whoever asked for the turn has to do it; the reply then ends here.
    """

    kind: ClassVar[str] = "tool.called"
    call: ToolCall
    by_client: bool = False

    @override
    def body(self) -> dict[str, Any]:
        return {
            "id": self.call.id,
            "tool": self.call.name,
            "arguments": self.call.arguments,
            "by_client": self.by_client,
        }


@dataclass(frozen=True, slots=True)
class ToolReturned(TurnEvent):
    """A tool that was called has answered, or has failed; the model reads either."""

    kind: ClassVar[str] = "tool.returned"
    call: ToolCall
    text: str
    failed: bool

    @override
    def body(self) -> dict[str, Any]:
        return {
            "id": self.call.id,
            "tool": self.call.name,
            "text": self.text,
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class Checked(TurnEvent):
    """What came out was held against the emotion that was meant."""

    kind: ClassVar[str] = "consistency"
    consistency: Consistency

    @override
    def body(self) -> dict[str, Any]:
        return self.consistency.as_json()


@dataclass(frozen=True, slots=True)
class PartFailed(TurnEvent):
    """A part of the turn failed; the turn goes on without it.

    Attributes:
        part: ``vision``, ``emotion``, ``memory``, ``image``, ``tools``, ``voice``, or the name of
            a module that was asked for context.
        error: why.
    """

    kind: ClassVar[str] = "part_failed"
    part: str
    error: XyCoreError

    @override
    def body(self) -> dict[str, Any]:
        return {"part": self.part, "error": str(self.error)}


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

    @override
    def body(self) -> dict[str, Any]:
        return {"reply": self.reply, "language": self.language, "seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class TurnFailed(TurnEvent):
    """The turn could not be completed; the last event of its turn."""

    kind: ClassVar[str] = "error"
    error: XyCoreError

    @override
    def body(self) -> dict[str, Any]:
        return {"error": str(self.error), "type": type(self.error).__name__}
