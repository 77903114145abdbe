"""A turn as a record: what its events add up to."""

from __future__ import annotations

from typing import Any

from xy_core.agent.events import (
    Checked,
    CrisisNoticed,
    Expressed,
    Felt,
    Heard,
    Informed,
    Painted,
    PartFailed,
    Remembered,
    ReplyToken,
    Seen,
    Spoken,
    ToolReturned,
    TurnDone,
    TurnEvent,
    TurnFailed,
)
from xy_core.core.errors import XyCoreError
from xy_core.modules.voice import Audio


class TurnRecord:
    """Collects the events of one turn.

    Attributes:
        reply: the text so far.
        language: of the reply, once it is done.
        emotion: what the user seems to feel, once it is known.
        error: why the turn failed, if it did.
        failures: the parts that the turn went on without, and why.
        tools: what the tools returned that were called.
    """

    def __init__(self) -> None:
        self.reply = ""
        self.language = ""
        self.emotion = ""
        self.error: XyCoreError | None = None
        self._parts: dict[str, Any] = dict.fromkeys(
            (
                *("transcript", "vision", "emotion", "crisis", "memory", "context", "expression"),
                *("consistency", "picture"),
            )
        )
        self.failures: list[dict[str, Any]] = []
        self.tools: list[dict[str, Any]] = []
        self._seconds: dict[str, float] = {}
        self._chunks: list[Audio] = []

    def add(self, event: TurnEvent) -> None:
        """Take in the next event."""
        match event:
            case ReplyToken(text):
                self.reply += text
            case Spoken(_, audio):
                self._chunks.append(audio)
            case (
                Heard()
                | Seen()
                | Remembered()
                | Informed()
                | Expressed()
                | CrisisNoticed()
                | Checked()
                | Painted()
            ):
                self._parts[event.kind] = event.body()
            case Felt(reading):
                self.emotion = reading.top.value
                self._parts[event.kind] = event.body()
            case PartFailed():
                self.failures.append(event.body())
            case ToolReturned():
                self.tools.append(event.body())
            case TurnDone(reply, language, seconds):
                self.reply, self.language, self._seconds = reply, language, seconds
            case TurnFailed(error):
                self.error = error
            case _:
                pass

    @property
    def audio(self) -> Audio | None:
        """The whole spoken reply, if there is any."""
        return Audio.concat(self._chunks) if self._chunks else None

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON types, without samples."""
        audio = self.audio
        return {
            "reply": self.reply,
            "language": self.language,
            **self._parts,
            "audio_seconds": round(audio.seconds, 3) if audio else None,
            "tools": self.tools,
            "failed_parts": self.failures,
            "error": str(self.error) if self.error else None,
            "seconds": self._seconds,
        }
