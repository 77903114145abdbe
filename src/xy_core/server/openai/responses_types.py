"""What a request for a response is made of, and the conversation that it means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue

from xy_core.server.openai.chat_types import (
    AnyJson,
    AudioPart,
    CalledFunction,
    CallOfTool,
    ChatMessage,
    ChatRequest,
    FunctionOffered,
    ImagePart,
    ImageUrl,
    InputAudio,
    NamedFunction,
    NamedSchema,
    NamedTool,
    PlainText,
    RefusalPart,
    ResponseFormat,
    SchemaFormat,
    Text,
    TextPart,
    ToolOffered,
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


class FunctionCall(BaseModel):
    """A model's wish, from an earlier response."""

    type: Literal["function_call"]
    call_id: str = Field(min_length=1, max_length=256)
    name: str = Field(min_length=1, max_length=64)
    arguments: Text


class FunctionCallOutput(BaseModel):
    """What a function that was called gave back."""

    type: Literal["function_call_output"]
    call_id: str = Field(min_length=1, max_length=256)
    output: Text | list[InputText]

    @property
    def text(self) -> str:
        """All words of it."""
        given = self.output
        return given if isinstance(given, str) else "\n".join(part.text for part in given)


InputItem = InputMessage | FunctionCall | FunctionCallOutput


class FunctionTool(BaseModel):
    """A function that the model may wish for."""

    type: Literal["function"]
    name: str = Field(min_length=1, max_length=64)
    description: Text | None = None
    parameters: dict[str, JsonValue] | None = Field(None, description="JSON schema of an object.")
    strict: bool | None = None


class FunctionChoice(BaseModel):
    """The function that must be called."""

    type: Literal["function"]
    name: str = Field(min_length=1, max_length=64)


class JsonSchemaFormat(BaseModel):
    """JSON that follows a schema; it always does, `strict` or not."""

    type: Literal["json_schema"]
    name: str = Field("reply", max_length=64)
    schema_: dict[str, JsonValue] = Field(alias="schema")


class TextOptions(BaseModel):
    """In which form the reply should come."""

    format: (
        Annotated[PlainText | AnyJson | JsonSchemaFormat, Field(discriminator="type")] | None
    ) = None


class ResponsesRequest(BaseModel):
    """The body of ``/v1/responses``; what is not named here is ignored."""

    model: str = Field(min_length=1, max_length=256)
    input: (
        Annotated[str, Field(min_length=1, max_length=1_000_000)]
        | Annotated[list[InputItem], Field(min_length=1, max_length=4_096)]
    )
    instructions: Text | None = Field(
        None, description="For a bare model; the agent has a character of its own."
    )
    stream: bool | None = False
    max_output_tokens: int | None = Field(None, ge=1, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    text: TextOptions | None = None
    tools: list[FunctionTool] | None = Field(None, max_length=128)
    tool_choice: Literal["auto", "none", "required"] | FunctionChoice | None = None
    parallel_tool_calls: bool | None = True
    previous_response_id: str | None = Field(None, max_length=256)
    background: bool | None = False
    metadata: dict[str, str] | None = Field(None, max_length=16)
    service_tier: str | None = None
    user: str | None = Field(None, max_length=256, description="Whose memory and mood it is.")

    def as_chat(self) -> ChatRequest:
        """Return the same as a chat: instructions stand first."""
        given = self.input
        said = [ChatMessage(role="user", content=given)] if isinstance(given, str) else _chat(given)
        told = [ChatMessage(role="system", content=self.instructions)] if self.instructions else []
        return ChatRequest(
            model=self.model,
            messages=[*told, *said],
            max_completion_tokens=self.max_output_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            response_format=_form(self.text),
            tools=[_tool(tool) for tool in self.tools or ()],
            tool_choice=_choice(self.tool_choice),
            parallel_tool_calls=self.parallel_tool_calls,
            service_tier=self.service_tier,
            user=self.user,
        )


def _chat(items: list[InputItem]) -> list[ChatMessage]:
    """Return items as messages; calls that follow one another were one reply."""
    messages: list[ChatMessage] = []
    calls: list[CallOfTool] = []
    for item in items:
        if isinstance(item, FunctionCall):
            if not calls:
                messages.append(ChatMessage(role="assistant"))
            function = CalledFunction(name=item.name, arguments=item.arguments)
            calls.append(CallOfTool(id=item.call_id, function=function))
            messages[-1].tool_calls = calls
            continue
        calls = []
        if isinstance(item, FunctionCallOutput):
            messages.append(ChatMessage(role="tool", content=item.text, tool_call_id=item.call_id))
        else:
            messages.append(_message(item))
    return messages


def _message(message: InputMessage) -> ChatMessage:
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


def _form(options: TextOptions | None) -> ResponseFormat | None:
    form = options.format if options else None
    if isinstance(form, JsonSchemaFormat):
        schema = NamedSchema(name=form.name, schema=form.schema_)
        return SchemaFormat(type="json_schema", json_schema=schema)
    return form


def _tool(tool: FunctionTool) -> ToolOffered:
    function = FunctionOffered(
        name=tool.name, description=tool.description, parameters=tool.parameters
    )
    return ToolOffered(type="function", function=function)


def _choice(
    choice: Literal["auto", "none", "required"] | FunctionChoice | None,
) -> Literal["auto", "none", "required"] | NamedTool | None:
    if isinstance(choice, FunctionChoice):
        return NamedTool(type="function", function=NamedFunction(name=choice.name))
    return choice
