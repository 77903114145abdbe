"""What a chat request is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue, StringConstraints

Text = Annotated[str, StringConstraints(max_length=1_000_000)]


class TextPart(BaseModel):
    """Words."""

    type: Literal["text"]
    text: Text


class ImageUrl(BaseModel):
    """Where a picture is: a data URL, or an address if the server fetches such."""

    url: str = Field(min_length=1)
    detail: Literal["auto", "low", "high", "original"] = "auto"


class ImagePart(BaseModel):
    """A picture."""

    type: Literal["image_url"]
    image_url: ImageUrl


class InputAudio(BaseModel):
    """A recording, in base64."""

    data: str = Field(min_length=1)
    format: Literal["wav", "mp3", "flac", "ogg"]


class AudioPart(BaseModel):
    """A recording."""

    type: Literal["input_audio"]
    input_audio: InputAudio


class RefusalPart(BaseModel):
    """Words with which a model refused."""

    type: Literal["refusal"]
    refusal: Text


Part = Annotated[TextPart | ImagePart | AudioPart | RefusalPart, Field(discriminator="type")]


class ChatMessage(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | list[Part] | None = None
    name: str | None = Field(None, max_length=256)
    tool_calls: list[dict[str, JsonValue]] | None = None
    tool_call_id: str | None = Field(None, max_length=256)

    @property
    def parts(self) -> list[TextPart | ImagePart | AudioPart | RefusalPart]:
        """The content as parts, however it was given."""
        if isinstance(self.content, str):
            return [TextPart(type="text", text=self.content)]
        return list(self.content or ())

    @property
    def text(self) -> str:
        """All words of the message."""
        words = [part.text for part in self.parts if isinstance(part, TextPart)]
        words += [part.refusal for part in self.parts if isinstance(part, RefusalPart)]
        return "\n".join(words)


class StreamOptions(BaseModel):
    """What else a stream should carry."""

    include_usage: bool | None = None


class ChatRequest(BaseModel):
    """The body of ``/v1/chat/completions``; what is not named here is ignored."""

    model: str = Field(min_length=1, max_length=256)
    messages: list[ChatMessage] = Field(min_length=1, max_length=4_096)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    n: int | None = Field(None, ge=1)
    stop: Annotated[str, Field(min_length=1)] | list[str] | None = Field(None)
    seed: int | None = None
    response_format: dict[str, JsonValue] | None = None
    tools: list[dict[str, JsonValue]] | None = Field(None, max_length=128)
    tool_choice: str | dict[str, JsonValue] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    service_tier: str | None = None
    user: str | None = Field(None, max_length=256, description="Whose memory and mood it is.")

    @property
    def limit(self) -> int | None:
        """The longest reply, in tokens."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        """The texts before which the reply ends."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [text for text in given if text]
