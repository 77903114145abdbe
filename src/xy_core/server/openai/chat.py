"""``/v1/chat/completions``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from xy_core.core.task import TaskPriority
from xy_core.modules.llm import Message
from xy_core.runtime import Runtime
from xy_core.server.config import ServerConfig
from xy_core.server.dependencies import AdmissionOf, ConfigOf, Priority, RemoteOf, RuntimeOf
from xy_core.server.errors import ApiError
from xy_core.server.json_body import JsonRoute
from xy_core.server.openai.catalogue import AGENT, find
from xy_core.server.openai.chat_types import ChatRequest, ImagePart, TextPart
from xy_core.server.openai.completion import Completion, CompletionWriter
from xy_core.server.openai.user_input import user_input
from xy_core.server.openai.writing import STOP, Piece, answer, bounded, whole, write
from xy_core.server.remote_images import RemoteImages
from xy_core.server.streaming import DOCUMENTED_STREAM, DONE, EventStream, begun

router = APIRouter(prefix="/v1/chat", tags=["openai"], route_class=JsonRoute)


@router.post("/completions", response_model=Completion, responses=DOCUMENTED_STREAM)
async def create_completion(
    *,
    body: ChatRequest,
    request: Request,
    runtime: RuntimeOf,
    config: ConfigOf,
    priority: Priority,
    admission: AdmissionOf,
    remote: RemoteOf,
) -> Response:
    """Reply to a conversation; as a stream of events if ``stream`` is set."""
    urgency = admission.of_tier(priority, body.service_tier)
    pieces = await reply_to(body, request, runtime, config, priority=urgency, remote=remote)
    writer = CompletionWriter(body.model)
    if body.stream:
        events = await begun(_events(pieces, writer))
        return EventStream(events, ping_seconds=config.ping_seconds)
    return JSONResponse(writer.whole(*await whole(pieces)))


async def reply_to(
    body: ChatRequest,
    request: Request,
    runtime: Runtime,
    config: ServerConfig,
    *,
    priority: TaskPriority,
    remote: RemoteImages,
) -> AsyncGenerator[Piece, None]:
    """Return the reply to a chat, piece by piece; closing it stops what makes it.

    Raises:
        ApiError: the chat asks for what its model does not do.
        XyCoreError: a picture or a recording cannot be used.
    """
    card = find(runtime, config.aliases, body.model, "chat")
    _refuse_unsupported(body)
    if card.id == AGENT:
        pieces = answer(runtime, await user_input(body, runtime, remote))
        return bounded(pieces, None, body.stops)
    pieces = write(
        runtime,
        [_message(number, body) for number in range(len(body.messages))],
        language=card.language,
        priority=priority,
        key=f"client:{request.state.principal.id}",
    )
    return bounded(pieces, body.limit, body.stops)


async def _events(
    pieces: AsyncGenerator[Piece, None], writer: CompletionWriter
) -> AsyncGenerator[bytes, None]:
    finish_reason: str | None = None
    async with aclosing(pieces):
        async for piece in pieces:
            if piece.text:
                yield writer.piece(piece.text)
            finish_reason = piece.finish_reason
    yield writer.last(finish_reason or STOP)
    yield DONE


def _message(number: int, body: ChatRequest) -> Message:
    """Return a message for a bare model, which reads words only."""
    given = body.messages[number]
    for part in given.parts:
        if not isinstance(part, TextPart):
            kind = "pictures" if isinstance(part, ImagePart) else "recordings"
            raise ApiError(
                400,
                f"model {body.model!r} takes no {kind}: send them to {AGENT}",
                "unsupported_content",
                param=f"messages.{number}.content",
            )
    role = {"developer": "system", "tool": "user"}.get(given.role, given.role)
    return Message(role, given.text)


def _refuse_unsupported(body: ChatRequest) -> None:
    """Refuse what would otherwise be left out without a word."""
    wanted = {
        "n": (body.n or 1) > 1,
        "tools": bool(body.tools),
        "response_format": (body.response_format or {}).get("type", "text") != "text",
        "modalities": "audio" in (body.modalities or ()),
    }
    for name, asked in wanted.items():
        if asked:
            raise ApiError(
                400,
                f"{name}: the engine of model {body.model!r} does not support this",
                "unsupported_parameter",
                param=name,
            )
