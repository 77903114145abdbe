"""``/v1/responses``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from xy_core.modules.llm import Delta
from xy_core.server.dependencies import AdmissionOf, ConfigOf, Priority, RemoteOf, RuntimeOf
from xy_core.server.errors import ApiError, as_api_error
from xy_core.server.json_body import JsonRoute
from xy_core.server.openai.chat import reply_to
from xy_core.server.openai.response_object import ResponseObject
from xy_core.server.openai.responses_types import ResponsesRequest
from xy_core.server.openai.responses_writer import ResponseWriter
from xy_core.server.openai.writing import STOP, whole
from xy_core.server.streaming import DOCUMENTED_STREAM, EventStream, begun

router = APIRouter(prefix="/v1", tags=["openai"], route_class=JsonRoute)


@router.post("/responses", response_model=ResponseObject, responses=DOCUMENTED_STREAM)
async def create_response(
    *,
    body: ResponsesRequest,
    request: Request,
    runtime: RuntimeOf,
    config: ConfigOf,
    priority: Priority,
    admission: AdmissionOf,
    remote: RemoteOf,
) -> Response:
    """Reply to a conversation; as a stream of events if ``stream`` is set.

    Nothing is stored: a conversation goes on by sending it whole, or with ``xy-agent``, which
    remembers by itself.
    """
    _refuse_unsupported(body)
    urgency = admission.of_tier(priority, body.service_tier)
    pieces = await reply_to(
        body.as_chat(), request, runtime, config, priority=urgency, remote=remote
    )
    writer = ResponseWriter(body, urgency)
    if body.stream:
        events = await begun(_events(pieces, writer))
        return EventStream(events, ping_seconds=config.ping_seconds)
    return JSONResponse(writer.whole(await whole(pieces)))


async def _events(
    pieces: AsyncGenerator[Delta, None], writer: ResponseWriter
) -> AsyncGenerator[bytes, None]:
    last, started = Delta("", STOP), False
    async with aclosing(pieces):
        try:
            async for piece in pieces:
                if not started:
                    yield writer.begin()
                    started = True
                if piece.text:
                    yield writer.piece(piece.text)
                last = piece
        except Exception as error:
            if not started:
                raise
            yield writer.failed(as_api_error(error))
            return
    if not started:
        yield writer.begin()
    yield writer.end(last)


def _refuse_unsupported(body: ResponsesRequest) -> None:
    wanted = {
        "background": bool(body.background),
        "previous_response_id": body.previous_response_id is not None,
    }
    for name, asked in wanted.items():
        if asked:
            raise ApiError(
                400,
                f"{name}: not supported; responses are not stored: send the whole conversation",
                "unsupported_parameter",
                param=name,
            )
