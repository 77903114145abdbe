"""The WebSocket ``/v1/realtime``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from xy_core.server.dependencies import ConfigOf, RuntimeOf
from xy_core.server.errors import ApiError
from xy_core.server.openai.catalogue import AGENT, find
from xy_core.server.realtime.session import RealtimeSession
from xy_core.server.realtime.wire import Wire

router = APIRouter(tags=["realtime"])

_PROTOCOL = "realtime"
_POLICY = 1_008
"""WebSocket: the server's rules end the connection (RFC 6455, 7.4.1)."""


class Seats:
    """How many sessions there may be at a time.

    Args:
        most: that many.
    """

    def __init__(self, most: int) -> None:
        self._free = most

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a seat for the length of the block.

        Raises:
            ApiError: there is none.
        """
        if not self._free:
            raise ApiError(
                429,
                "too many realtime sessions are open: try again later",
                "server_busy",
                headers={"Retry-After": "10"},
            )
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


@router.websocket("/v1/realtime")
async def realtime(
    socket: WebSocket,
    runtime: RuntimeOf,
    config: ConfigOf,
    model: str = AGENT,
    person: Annotated[str, Query(min_length=1, max_length=256)] = "user",
) -> None:
    """Hold one conversation, as OpenAI's realtime API does, with the agent or a bare model."""
    card = find(runtime, config.aliases, model, "chat")
    seats: Seats = socket.app.state.seats
    with seats.taken():
        offered = socket.scope.get("subprotocols", [])
        await socket.accept(_PROTOCOL if _PROTOCOL in offered else None)
        wire = Wire(socket.send_text, config.limits.send_seconds)
        session = RealtimeSession(runtime, config, wire, card=card, model=model, person=person)
        await _hold(session, socket, config.realtime.seconds)


async def _hold(session: RealtimeSession, socket: WebSocket, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await session.run(_messages(socket))
    except* WebSocketDisconnect:
        pass
    except* TimeoutError:
        # Who does not read would not read this either; closing must not wait for them.
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(1):
                await socket.close(_POLICY, "the session's time is up, or nobody reads it")


async def _messages(socket: WebSocket) -> AsyncIterator[str | bytes]:
    """Yield messages until the client closes."""
    while (message := await socket.receive())["type"] == "websocket.receive":
        text: str | None = message.get("text")
        yield text if text is not None else message.get("bytes") or b""
