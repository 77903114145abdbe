"""``/v1/chat/completions``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from xy_core.core.task import TaskPriority
from xy_core.modules.llm import Delta
from xy_core.runtime import Runtime
from xy_core.server.config import ServerConfig
from xy_core.server.dependencies import AdmissionOf, ConfigOf, Priority, RemoteOf, RuntimeOf
from xy_core.server.errors import ApiError
from xy_core.server.json_body import JsonRoute
from xy_core.server.openai.asked import Asked
from xy_core.server.openai.catalogue import AGENT, find
from xy_core.server.openai.chat_types import ChatRequest
from xy_core.server.openai.completion import Completion, CompletionWriter
from xy_core.server.openai.user_input import user_input
from xy_core.server.openai.writing import STOP, answer, whole, write
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
    """Reply to a conversation; as a stream of events if ``stream`` is set.

    ``xy-agent`` answers the last message in its own way: how tokens are chosen and how many, it
    decides itself, and tools and forms of the reply are a bare model's.
    """
    urgency = admission.of_tier(priority, body.service_tier)
    pieces = await reply_to(body, request, runtime, config, priority=urgency, remote=remote)
    writer = CompletionWriter(body.model, urgency)
    if body.stream:
        told = bool(body.stream_options and body.stream_options.include_usage)
        events = await begun(_events(pieces, writer, with_usage=told))
        return EventStream(events, ping_seconds=config.ping_seconds)
    return JSONResponse(writer.whole(await whole(pieces)))


async def reply_to(
    body: ChatRequest,
    request: Request,
    runtime: Runtime,
    config: ServerConfig,
    *,
    priority: TaskPriority,
    remote: RemoteImages,
) -> AsyncGenerator[Delta, None]:
    """Return the reply to a chat, piece by piece; closing it stops what makes it.

    Raises:
        ApiError: the chat asks for what its model does not do.
        XyCoreError: a picture or a recording cannot be used.
    """
    card = find(runtime, config.aliases, body.model, "chat")
    _refuse(body, _never(body))
    if card.id == AGENT:
        _refuse(body, _not_by_the_agent(body))
        return answer(runtime, await user_input(body, runtime, remote))
    key = f"client:{request.state.principal.id}"
    return write(runtime, Asked.of(body), model=card.id, priority=priority, key=key)


async def _events(
    pieces: AsyncGenerator[Delta, None], writer: CompletionWriter, *, with_usage: bool
) -> AsyncGenerator[bytes, None]:
    last, before = Delta("", STOP), writer.first()
    async with aclosing(pieces):
        async for piece in pieces:
            if piece.text:
                yield before + writer.piece(piece.text)
                before = b""
            last = piece
    if before:
        yield before
    if last.tool_calls:
        yield writer.calls(last.tool_calls)
    yield writer.last(last.finish_reason or STOP)
    if with_usage:
        yield writer.cost(last.usage)
    yield DONE


def _refuse(body: ChatRequest, wanted: dict[str, bool]) -> None:
    """Refuse what would otherwise be left out without a word."""
    for name, asked in wanted.items():
        if asked:
            raise ApiError(
                400,
                f"{name}: model {body.model!r} does not support this",
                "unsupported_parameter",
                param=name,
            )


def _never(body: ChatRequest) -> dict[str, bool]:
    return {
        "n": (body.n or 1) > 1,
        "logit_bias": bool(body.logit_bias),
        "logprobs": bool(body.logprobs),
        "modalities": "audio" in (body.modalities or ()),
    }


def _not_by_the_agent(body: ChatRequest) -> dict[str, bool]:
    form = body.response_format
    return {
        "tools": bool(body.tools) and body.tool_choice != "none",
        "response_format": form is not None and form.type != "text",
        "stop": bool(body.stops),
    }
