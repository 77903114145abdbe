"""``/v1/agent/turns``: one turn of the agent, as the events that it consists of."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from xy_core.agent import Spoken, TurnEvent, TurnFailed, UserInput
from xy_core.modules.emotion import FaceScores
from xy_core.runtime import Runtime
from xy_core.server.dependencies import ConfigOf, Priority, RemoteOf, RuntimeOf
from xy_core.server.errors import as_api_error, error_json
from xy_core.server.json_body import JsonRoute
from xy_core.server.media import audio_of, pcm16, picture_at
from xy_core.server.streaming import DOCUMENTED_STREAM, EventStream, begun, named_event

router = APIRouter(prefix="/v1/agent", tags=["agent"], route_class=JsonRoute)


class TurnRequest(BaseModel):
    """What the user says and shows: any mix of the three."""

    text: str = Field("", max_length=100_000)
    audio: str | None = Field(None, description="A recording (WAV, FLAC, OGG, MP3) in base64.")
    image: str | None = Field(
        None, description="A picture: a data URL, or an address if such are fetched."
    )
    face: dict[str, float] | None = Field(None, description="What the user's face shows.")
    person: str = Field("user", min_length=1, max_length=256, description="Whose memory and mood.")
    speak: bool = Field(default=True, description="Whether the reply is spoken as well.")


@router.post("/turns", response_class=StreamingResponse, responses=DOCUMENTED_STREAM)
async def create_turn(
    body: TurnRequest,
    runtime: RuntimeOf,
    config: ConfigOf,
    priority: Priority,  # noqa: ARG001 - documents the headers
    remote: RemoteOf,
) -> EventStream:
    """Run a turn; each event is named by its kind, the last is ``done`` or ``error``.

    Audio comes as ``data``: base64 of 16-bit little-endian mono samples at ``rate`` hertz.
    """
    given = UserInput(
        text=body.text,
        audio=await audio_of(body.audio, runtime) if body.audio else None,
        image=await picture_at(body.image, runtime, remote) if body.image else None,
        face=FaceScores.of(body.face) if body.face else None,
        person=body.person,
    )
    events = await begun(_events(runtime, given, speak=body.speak))
    return EventStream(events, ping_seconds=config.ping_seconds)


async def _events(
    runtime: Runtime, given: UserInput, *, speak: bool
) -> AsyncGenerator[bytes, None]:
    agent = runtime.agent.answering(speak=speak)
    number = 0
    async with aclosing(agent.respond(given)) as events:
        async for event in events:
            yield named_event(event.kind, _body(event), number)
            number += 1


def _body(event: TurnEvent) -> dict[str, Any]:
    match event:
        case Spoken(_, audio):
            return event.body() | {
                "format": "pcm16",
                "data": base64.b64encode(pcm16(audio)).decode(),
            }
        case TurnFailed(error):
            return event.body() | error_json(as_api_error(error))
        case _:
            return event.body()
