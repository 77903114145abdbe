"""Connections that do not get on: heads that never end, answers that nobody reads, too many."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import ClassVar

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from xy_core.server.config import LimitsConfig

_LINGER = 2.0
"""Seconds for which the rest of a refused body is read: a connection that is closed over unread
bytes is reset, and the client never sees why."""
_REFUSALS = {
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds that it has none of.

    Attributes:
        limits: the bounds.
        addresses: how many connections each address has.
    """

    limits: ClassVar[LimitsConfig]
    addresses: ClassVar[Counter[str]]
    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _rest: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _address = ""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self.addresses[self._address] += 1
        if (
            self.addresses.total() > self.limits.connections
            or self.addresses[self._address] > self.limits.connections_per_address
        ):
            self._refuse(503)
            return
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self._rest is not None:
            self._rest.cancel()
        self.resume_writing()
        super().connection_lost(exc)

    @override
    def handle_websocket_upgrade(self) -> None:
        # From here on the connection is another protocol's, which does not tell of its end.
        self._leave()
        super().handle_websocket_upgrade()

    @override
    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._head is None and self._between_requests():
            self._await_head()
        super().data_received(data)
        if self._head is not None:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.header_bytes:
                self._refuse(431)

    @override
    def on_headers_complete(self) -> None:
        self._forget()
        super().on_headers_complete()

    @override
    def on_response_complete(self) -> None:
        """Take what is left of a body that was refused for a moment, so that the answer is read."""
        unread = self.cycle.more_body
        super().on_response_complete()
        if unread and not self.transport.is_closing():
            self._rest = self.loop.call_later(_LINGER, self.transport.abort)

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._rest is not None:
            self.transport.close()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.limits.send_seconds, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _leave(self) -> None:
        self.addresses[self._address] -= 1
        if not self.addresses[self._address]:
            del self.addresses[self._address]
        self._forget()

    def _between_requests(self) -> bool:
        return self.cycle is None or (self.cycle.response_complete and not self.cycle.more_body)

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head = self.loop.call_later(self.limits.header_seconds, self._refuse, 408)

    def _forget(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _refuse(self, status: int) -> None:
        self._forget()
        if self.transport.is_closing():
            return
        reason = _REFUSALS[status]
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % (status, reason)
        )
        self.transport.close()


def guarded_protocol(limits: LimitsConfig) -> type[GuardedProtocol]:
    """Return the protocol for one server."""
    bounds = {"limits": limits, "addresses": Counter[str]()}
    return type("BoundedProtocol", (GuardedProtocol,), bounds)
