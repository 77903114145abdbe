"""What a request for a response is made of, and the conversation that it means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue

from xy_core.server.openai.chat_types import (
    AudioPart,
    ChatMessage,
    ChatRequest,
    ImagePart,
    ImageUrl,
    InputAudio,
    RefusalPart,
    Text,
    TextPart,
)


class InputText(BaseModel):
    """Words of anybody; ``output_text`` are those of an earlier response."""

    type: Literal["input_text", "output_text"]
    text: Text


class InputImage(BaseModel):
    """A picture: a data URL, or an address if the server fetches such."""

    type: Literal["input_image"]
    image_url: str = Field(min_length=1)
    detail: Literal["auto", "low", "high", "original"] = "auto"


class InputSound(BaseModel):
    """A recording, in base64."""

    type: Literal["input_audio"]
    input_audio: InputAudio


InputPart = Annotated[
    InputText | InputImage | InputSound | RefusalPart, Field(discriminator="type")
]


class InputMessage(BaseModel):
    """One message of the conversation."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[InputPart]


class TextOptions(BaseModel):
    """In which form the reply should come."""

    format: dict[str, JsonValue] | None = None


class ResponsesRequest(BaseModel):
    """The body of ``/v1/responses``; what is not named here is ignored."""

    model: str = Field(min_length=1, max_length=256)
    input: (
        Annotated[str, Field(min_length=1, max_length=1_000_000)]
        | Annotated[list[InputMessage], Field(min_length=1, max_length=4_096)]
    )
    instructions: Text | None = Field(
        None, description="For a bare model; the agent has a character of its own."
    )
    stream: bool | None = False
    max_output_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    text: TextOptions | None = None
    tools: list[dict[str, JsonValue]] | None = Field(None, max_length=128)
    previous_response_id: str | None = Field(None, max_length=256)
    background: bool | None = False
    metadata: dict[str, str] | None = Field(None, max_length=16)
    service_tier: str | None = None
    user: str | None = Field(None, max_length=256, description="Whose memory and mood it is.")

    def as_chat(self) -> ChatRequest:
        """Return the same as a chat: instructions stand first."""
        given = self.input
        said = (
            [ChatMessage(role="user", content=given)]
            if isinstance(given, str)
            else [_as_chat(message) for message in given]
        )
        told = [ChatMessage(role="system", content=self.instructions)] if self.instructions else []
        return ChatRequest(
            model=self.model,
            messages=[*told, *said],
            max_completion_tokens=self.max_output_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            tools=self.tools,
            service_tier=self.service_tier,
            user=self.user,
        )


def _as_chat(message: InputMessage) -> ChatMessage:
    if isinstance(message.content, str):
        return ChatMessage(role=message.role, content=message.content)
    return ChatMessage(role=message.role, content=[_part(part) for part in message.content])


def _part(
    part: InputText | InputImage | InputSound | RefusalPart,
) -> TextPart | ImagePart | AudioPart | RefusalPart:
    match part:
        case InputText():
            return TextPart(type="text", text=part.text)
        case InputImage():
            url = ImageUrl(url=part.image_url, detail=part.detail)
            return ImagePart(type="image_url", image_url=url)
        case InputSound():
            return AudioPart(type="input_audio", input_audio=part.input_audio)
        case RefusalPart():
            return part
