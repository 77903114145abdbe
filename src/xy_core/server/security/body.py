"""Bounds what a request's body may take: bytes, bytes of all together, and time to arrive."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xy_core.server.config import LimitsConfig
from xy_core.server.errors import Refused


class BodyLimits:
    """Counts bytes as they arrive, since a Content-Length can lie or be missing."""

    def __init__(self, app: ASGIApp, limits: LimitsConfig) -> None:
        self._app = app
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self._limits.body:
            raise self._too_large()
        counted = _CountedBody(self, receive)
        try:
            await self._app(scope, counted.receive, send)
        finally:
            self._held -= counted.size

    def take(self, size: int, total: int) -> None:
        """Account for bytes that arrived, `total` of them for the same body.

        Raises:
            Refused: that is more than is allowed.
        """
        if total > self._limits.body:
            raise self._too_large()
        if self._held + size > self._limits.all_bodies:
            raise Refused(503, "other requests' bodies fill the memory: try again", "server_busy")
        self._held += size

    @property
    def seconds(self) -> float:
        """How long a body may take to arrive."""
        return self._limits.body_seconds

    def _too_large(self) -> Refused:
        return Refused(
            413, f"the body is larger than {self._limits.body:,} bytes", "body_too_large"
        )


class _CountedBody:
    def __init__(self, limits: BodyLimits, receive: Receive) -> None:
        self._limits = limits
        self._receive = receive
        self._until = asyncio.get_running_loop().time() + limits.seconds
        self._complete = False
        self.size = 0

    async def receive(self) -> Message:
        """Return the next part of the body."""
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise Refused(408, "the body took too long to arrive", "body_timeout") from error
        if message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
            arrived = len(message.get("body", b""))
            self._limits.take(arrived, self.size + arrived)
            self.size += arrived
        return message
