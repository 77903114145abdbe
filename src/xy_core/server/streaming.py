"""Server-sent events that end cleanly: with an error as their last event if need be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from xy_core.server.errors import as_api_error, error_json

DONE = b"data: [DONE]\n\n"
"""The last event of OpenAI's chat streams."""
_PING = b": ping\n\n"


def data_event(body: dict[str, Any]) -> bytes:
    """Return an event without a name, as chat streams have them."""
    return (
        b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    )


def named_event(name: str, body: dict[str, Any], number: int | None = None) -> bytes:
    """Return an event with a name, and with an id if it has a number."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return format_sse_event(event=name, data_str=text, id=None if number is None else str(number))


class EventStream(StreamingResponse):
    """Sends events as they come; closes their source whatever happens.

    An error of the source becomes the last event, since the status has long been sent. Clients
    that go are noticed by `Exchanges`, those that do not read by `GuardedProtocol`.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None], *, ping_seconds: float) -> None:
        """Stream.

        Args:
            events: whole events.
            ping_seconds: silence after which a comment is sent, so that a broken connection shows.
        """
        super().__init__(events)
        self.headers["cache-control"] = "no-store"
        self.headers["x-accel-buffering"] = "no"
        self._events = events
        self._ping_seconds = ping_seconds
        self._sent = 0

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all events."""
        async with aclosing(self._events) as events:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            pinging = asyncio.create_task(self._ping(send))
            try:
                async for event in _with_error(events):
                    self._sent += 1
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            finally:
                pinging.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _ping(self, send: Send) -> None:
        while True:
            before = self._sent
            await asyncio.sleep(self._ping_seconds)
            if self._sent == before:
                await send({"type": "http.response.body", "body": _PING, "more_body": True})


async def begun(events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Wait for the first event, so that what fails before it is answered with a status.

    Raises:
        Exception: what the source raised before its first event.
    """
    try:
        first = await anext(events)
    except StopAsyncIteration:
        return _nothing()
    except BaseException:
        await events.aclose()
        raise
    return _continued(first, events)


async def _nothing() -> AsyncGenerator[bytes, None]:
    for event in tuple[bytes, ...]():
        yield event


async def _continued(
    first: bytes, rest: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for event in rest:
            yield event


async def _with_error(events: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    try:
        async for event in events:
            yield event
    except Exception as error:  # noqa: BLE001 - told to the client
        yield data_event(error_json(as_api_error(error)))
