"""Sending events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from xy_core.core.errors import XyCoreError
from xy_core.server.errors import as_api_error, error_json
from xy_core.server.realtime.conversation import new_id


class Wire:
    """Sends events one after the other, and gives up on clients that do not read.

    Args:
        send: sends one text message.
        seconds: that a client may take for one.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]], seconds: float) -> None:
        self._send = send
        self._seconds = seconds

    async def tell(self, kind: str, **body: Any) -> None:  # noqa: ANN401 - what JSON takes
        """Send an event.

        Raises:
            TimeoutError: the client does not read.
        """
        event = {"type": kind, "event_id": new_id("event")} | body
        async with asyncio.timeout(self._seconds):
            await self._send(json.dumps(event, ensure_ascii=False, separators=(",", ":")))

    async def refuse(self, error: XyCoreError, event_id: str | None = None) -> None:
        """Say why something that the client wanted is not done; the session goes on."""
        body = error_json(as_api_error(error))["error"]
        await self.tell("error", error=body | {"event_id": event_id})
