"""What a session's client may set."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from xy_core.core.errors import InputError
from xy_core.modules.llm import Message, Tool
from xy_core.modules.llm.limits import check_request
from xy_core.modules.llm.types import Request


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


class FunctionTool(_Part):
    """A function that the client runs when the model calls it."""

    type: Literal["function"] = "function"
    name: str = Field(pattern="^[A-Za-z0-9_-]{1,64}$")
    description: str = Field("", max_length=10_000)
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object"})


class NamedFunction(_Part):
    """The function that has to be called."""

    type: Literal["function"] = "function"
    name: str


class SessionSettings(_Part):
    """The settings of one session.

    Attributes:
        output_modalities: ``audio`` (with its transcript) or ``text``.
        audio: its formats, and how turns are detected.
        turn_events: whether what the agent feels, recalls and means is told as well, as events
            of type ``xy.turn``; an extension.
        instructions: what a bare model is told first; the agent has a character of its own.
        tools: functions that the model may call.
        tool_choice: whether it may, must not or must, or which one.
    """

    type: Literal["realtime"] = "realtime"
    model: str
    output_modalities: tuple[Literal["audio", "text"]] = ("audio",)
    audio: SessionAudio = SessionAudio()
    turn_events: bool = False
    instructions: str = Field("", max_length=100_000)
    tools: tuple[FunctionTool, ...] = Field((), max_length=128)
    tool_choice: Literal["auto", "none", "required"] | NamedFunction = "auto"

    @field_validator("output_modalities", mode="before")
    @classmethod
    def _one(cls, given: object) -> object:
        # Earlier clients ask for both; the transcript comes with the audio anyway.
        return ("audio",) if isinstance(given, list) and "audio" in given else given

    @property
    def speaks(self) -> bool:
        """Whether replies are spoken."""
        return self.output_modalities == ("audio",)

    @property
    def functions(self) -> list[Tool]:
        """The tools as a model gets them."""
        return [Tool(tool.name, tool.description, tool.parameters) for tool in self.tools]

    @property
    def choice(self) -> str:
        """``auto``, ``none``, ``required``, or the name of the function to call first."""
        if not self.tools:
            return "auto"
        choice = self.tool_choice
        return choice.name if isinstance(choice, NamedFunction) else choice

    def updated(self, changes: dict[str, Any]) -> SessionSettings:
        """Return the settings with some of them changed.

        Raises:
            InputError: a value is not possible.
        """
        changes = {name: value for name, value in changes.items() if name != "model"}
        merged = _merged(self.model_dump(mode="json"), changes)
        try:
            settings = SessionSettings.model_validate(merged)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(f"session.{where}: {first['msg']}") from None
        asked = (Message("user", ""),)
        tools = tuple(settings.functions)
        check_request(Request(asked, tools=tools, tool_choice=settings.choice))
        return settings


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(old[name], value)
        for name, value in new.items()
        if isinstance(value, dict) and isinstance(old.get(name), dict)
    }
    return old | new | both
