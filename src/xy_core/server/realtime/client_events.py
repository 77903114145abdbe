"""What clients send: OpenAI's events, as far as they are served."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from xy_core.core.errors import InputError


class ClientEvent(BaseModel):
    """Base of all; unknown members are ignored, as OpenAI's events grow."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    event_id: str | None = Field(None, max_length=512)


class SessionUpdate(ClientEvent):
    """Change the settings that are given."""

    type: Literal["session.update"]
    session: dict[str, Any]


class AudioAppend(ClientEvent):
    """Add sound, in base64, to the input buffer."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class AudioCommit(ClientEvent):
    """Make an item of what the input buffer holds."""

    type: Literal["input_audio_buffer.commit"]


class AudioClear(ClientEvent):
    """Empty the input buffer."""

    type: Literal["input_audio_buffer.clear"]


class Content(BaseModel):
    """A part of a message."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    type: Literal["input_text", "input_audio", "input_image", "output_text", "text"]
    text: str = Field("", max_length=100_000)
    audio: str | None = None
    image_url: str | None = None


class MessageItem(BaseModel):
    """A message that a client adds."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    type: Literal["message"]
    id: str | None = Field(None, min_length=1, max_length=64)
    role: Literal["user", "assistant"]
    content: list[Content] = Field(min_length=1, max_length=64)


class FunctionOutputItem(BaseModel):
    """What a function returned that the model called."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    type: Literal["function_call_output"]
    id: str | None = Field(None, min_length=1, max_length=64)
    call_id: str = Field(min_length=1, max_length=128)
    output: str = Field(max_length=100_000)


class ItemCreate(ClientEvent):
    """Add an item to the conversation."""

    type: Literal["conversation.item.create"]
    previous_item_id: str | None = None
    item: Annotated[MessageItem | FunctionOutputItem, Field(discriminator="type")]


class ItemRetrieve(ClientEvent):
    """Ask for an item as the server has it."""

    type: Literal["conversation.item.retrieve"]
    item_id: str


class ItemDelete(ClientEvent):
    """Take an item out of the conversation."""

    type: Literal["conversation.item.delete"]
    item_id: str


class ItemTruncate(ClientEvent):
    """Say how much of a reply was played, so that no more of it counts as said."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int = Field(ge=0)
    audio_end_ms: int = Field(ge=0)


class ResponseCreate(ClientEvent):
    """Ask for a reply to what was said since the last one."""

    type: Literal["response.create"]
    response: dict[str, Any] | None = None


class ResponseCancel(ClientEvent):
    """Stop the reply that is under way."""

    type: Literal["response.cancel"]
    response_id: str | None = None


AnyEvent = Annotated[
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel,
    Field(discriminator="type"),
]
_EVENTS: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def read_event(text: str | bytes) -> AnyEvent:
    """Read one message of a client.

    Raises:
        InputError: it is not an event that is served; what it holds is not repeated.
    """
    try:
        return _EVENTS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # The first place is the event's own type, which the union's choice adds.
        where = ".".join(str(part) for part in first["loc"][1:])
        raise InputError(f"{where}: {first['msg']}" if where else first["msg"]) from None
