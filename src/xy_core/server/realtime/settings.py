"""What a session's client may set."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from xy_core.core.errors import InputError


class _Part(BaseModel):
    """Unknown members are ignored: what is not served is not shown either."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class AudioFormat(_Part):
    """16-bit little-endian mono samples."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[8_000, 16_000, 24_000, 48_000] = 24_000


class TurnDetection(_Part):
    """When somebody begins and has ended to speak, by the sound alone."""

    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(0.5, gt=0, lt=1)
    prefix_padding_ms: int = Field(300, ge=0, le=5_000)
    silence_duration_ms: int = Field(500, ge=50, le=10_000)
    create_response: bool = True
    interrupt_response: bool = True


class InputAudio(_Part):
    """What the user says."""

    format: AudioFormat = AudioFormat()
    turn_detection: TurnDetection | None = TurnDetection()


class OutputAudio(_Part):
    """What the agent says."""

    format: AudioFormat = AudioFormat()


class SessionAudio(_Part):
    """Both directions."""

    input: InputAudio = InputAudio()
    output: OutputAudio = OutputAudio()


class SessionSettings(_Part):
    """The settings of one session.

    Attributes:
        output_modalities: ``audio`` (with its transcript) or ``text``.
        audio: its formats, and how turns are detected.
        turn_events: whether what the agent feels, recalls and means is told as well, as events
            of type ``xy.turn``; an extension.
    """

    type: Literal["realtime"] = "realtime"
    model: str
    output_modalities: tuple[Literal["audio", "text"]] = ("audio",)
    audio: SessionAudio = SessionAudio()
    turn_events: bool = False

    @field_validator("output_modalities", mode="before")
    @classmethod
    def _one(cls, given: object) -> object:
        # Earlier clients ask for both; the transcript comes with the audio anyway.
        return ("audio",) if isinstance(given, list) and "audio" in given else given

    @property
    def speaks(self) -> bool:
        """Whether replies are spoken."""
        return self.output_modalities == ("audio",)

    def updated(self, changes: dict[str, Any]) -> SessionSettings:
        """Return the settings with some of them changed.

        Raises:
            InputError: a value is not possible.
        """
        changes = {name: value for name, value in changes.items() if name != "model"}
        merged = _merged(self.model_dump(mode="json"), changes)
        try:
            return SessionSettings.model_validate(merged)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(f"session.{where}: {first['msg']}") from None


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(old[name], value)
        for name, value in new.items()
        if isinstance(value, dict) and isinstance(old.get(name), dict)
    }
    return old | new | both
