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


class CalledFunction(BaseModel):
    """Which function a model wished for, and with what."""

    name: str = Field(min_length=1, max_length=64)
    arguments: Text


class CallOfTool(BaseModel):
    """A model's wish, from an earlier reply."""

    id: str = Field(max_length=256)
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | list[Part] | None = None
    name: str | None = Field(None, max_length=256)
    tool_calls: list[CallOfTool] | None = Field(None, max_length=128)
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


class FunctionOffered(BaseModel):
    """A function that the model may wish for."""

    name: str = Field(min_length=1, max_length=64)
    description: Text | None = None
    parameters: dict[str, JsonValue] | None = Field(None, description="JSON schema of an object.")


class ToolOffered(BaseModel):
    """A tool; there are functions only."""

    type: Literal["function"]
    function: FunctionOffered


class NamedFunction(BaseModel):
    """The name of a function."""

    name: str = Field(min_length=1, max_length=64)


class NamedTool(BaseModel):
    """The function that must be called."""

    type: Literal["function"]
    function: NamedFunction


class PlainText(BaseModel):
    """Free text."""

    type: Literal["text"]


class AnyJson(BaseModel):
    """A JSON object of any form."""

    type: Literal["json_object"]


class NamedSchema(BaseModel):
    """A JSON schema; the reply always follows it, `strict` or not."""

    name: str = Field("reply", max_length=64)
    schema_: dict[str, JsonValue] = Field(alias="schema")


class SchemaFormat(BaseModel):
    """JSON that follows a schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


ResponseFormat = Annotated[PlainText | AnyJson | SchemaFormat, Field(discriminator="type")]


class StreamOptions(BaseModel):
    """What else a stream should carry."""

    include_usage: bool | None = Field(None, description="A last chunk says what it cost.")


class ChatRequest(BaseModel):
    """The body of ``/v1/chat/completions``; what is not named here is ignored."""

    model: str = Field(min_length=1, max_length=256)
    messages: list[ChatMessage] = Field(min_length=1, max_length=4_096)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    n: int | None = Field(None, ge=1)
    stop: Annotated[str, Field(min_length=1)] | list[str] | None = Field(None)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = False
    response_format: ResponseFormat | None = None
    tools: list[ToolOffered] | None = Field(None, max_length=128)
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = True
    modalities: list[Literal["text", "audio"]] | None = None
    service_tier: str | None = Field(
        None, description="flex: it may wait, and is refused first (as X-Priority: batch)."
    )
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
