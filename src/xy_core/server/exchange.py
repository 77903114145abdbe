"""Bounds every request: its time, its client's presence, and the server's own end."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xy_core.server.config import ServerConfig
from xy_core.server.errors import ApiError, as_api_error, error_json, error_response
from xy_core.server.security.headers import SecurityHeaders
from xy_core.server.streaming import data_event

log = structlog.get_logger("server")

_LAST_WORDS = 1.0
"""Seconds for telling a client that its stream ends early."""
_GOING_AWAY = 1012
"""WebSocket: the service restarts (IANA's registry of close codes)."""


class Exchanges:
    """The outermost layer: whatever happens inside, a request ends in time and with an answer.

    It ends when its time is up (``X-Request-Timeout``, in seconds), when its client has gone, or
    when the server has waited long enough for it while stopping. Each cancels what runs for it,
    down to the device.
    """

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app = app
        self._longest = config.limits.timeout
        self._headers = SecurityHeaders(tls=config.certfile is not None)
        self._open: set[_Exchange] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or a WebSocket, to its end."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        kind = _HttpExchange if scope["type"] == "http" else _Conversation
        exchange = kind(scope, receive, send, self._headers)
        with self._counted(exchange):
            await exchange.run(self._app, self._longest, draining=self._draining)

    def __len__(self) -> int:
        return len(self._open)

    async def drain(self, seconds: float) -> None:
        """Refuse new requests, let those under way end within the time, then end the rest."""
        self._draining = True
        for end in (seconds, _LAST_WORDS):
            try:
                async with asyncio.timeout(end):
                    await self._idle.wait()
            except TimeoutError:
                for exchange in list(self._open):
                    exchange.end(_stopping())

    @contextmanager
    def _counted(self, exchange: _Exchange) -> Iterator[None]:
        self._open.add(exchange)
        self._idle.clear()
        try:
            yield
        finally:
            self._open.discard(exchange)
            if not self._open:
                self._idle.set()


class _Exchange(ABC):
    """A request, or a WebSocket, from its start to its end."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, headers: SecurityHeaders
    ) -> None:
        self._scope = scope
        self._receive_raw = receive
        self._send_raw = send
        self._headers = headers
        self._limit = asyncio.timeout(None)
        self._reason: ApiError | None = None
        self.request_id = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = self.request_id

    def end(self, reason: ApiError | None) -> None:
        """Cancel what runs for it; without a reason nobody is left to be told one."""
        self._reason = reason
        self._limit.reschedule(asyncio.get_running_loop().time())

    async def run(self, app: ASGIApp, longest: float, *, draining: bool) -> None:
        """Serve it to its end; never raises but for the cancellation of its task."""
        try:
            seconds = _seconds(Headers(scope=self._scope), longest) if self._timed else None
            if draining:
                await self._fail(_stopping())
                return
            self._reason = ApiError(504, "the request's time is up", "timeout")
            self._limit = asyncio.timeout(seconds)
            async with self._limit:
                await self._serve(app)
        except TimeoutError as error:
            if not self._limit.expired():
                await self._fail(error)
            elif self._reason is not None:
                await self._fail(self._reason)
        except Exception as error:  # noqa: BLE001 - the last layer: told to the client and the log
            await self._fail(error)

    _timed = False

    @abstractmethod
    async def _serve(self, app: ASGIApp) -> None:
        """Let the application serve it."""

    @abstractmethod
    async def _tell(self, refusal: ApiError) -> None:
        """Say why it ended."""

    async def _fail(self, error: Exception) -> None:
        refusal = as_api_error(error)
        if refusal.code == "internal_error":
            log.error("a request failed", request=self.request_id, error=type(error).__name__)
            log.debug("a request failed", request=self.request_id, exc_info=error)
        try:
            async with asyncio.timeout(_LAST_WORDS):
                await self._tell(refusal)
        except TimeoutError:
            log.info("a client did not read why its request failed", request=self.request_id)


class _HttpExchange(_Exchange):
    _timed = True

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, headers: SecurityHeaders
    ) -> None:
        super().__init__(scope, receive, send, headers)
        self._started = self._complete = self._events = False
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watching: asyncio.Task[None] | None = None
        self._body_read = not _has_body(Headers(scope=scope))
        self._empty_given = False

    async def _serve(self, app: ASGIApp) -> None:
        if self._body_read:
            self._watch()
        try:
            await app(self._scope, self._receive, self._send)
        finally:
            if self._watching is not None:
                self._watching.cancel()

    async def _receive(self) -> Message:
        if self._watching is not None:
            if not self._body_read or self._empty_given:
                await asyncio.shield(self._gone)
                return {"type": "http.disconnect"}
            self._empty_given = True
            return {"type": "http.request", "body": b"", "more_body": False}
        message = await self._receive_raw()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._body_read, self._empty_given = True, True
            self._watch()
        return message

    def _watch(self) -> None:
        self._watching = asyncio.create_task(self._wait_for_disconnect())

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive_raw())["type"] != "http.disconnect":
            pass
        if not self._complete:
            self._gone.set_result(None)
            self.end(None)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            headers = MutableHeaders(scope=message)
            self._events = headers.get("content-type", "").startswith("text/event-stream")
            headers["x-request-id"] = self.request_id
            self._headers.add(headers)
        elif not message.get("more_body", False):
            self._complete = True
        await self._send_raw(message)

    async def _tell(self, refusal: ApiError) -> None:
        if not self._started:
            response = error_response(refusal)
            await response(self._scope, self._receive, self._send)
        elif self._events and not self._complete:
            body = data_event(error_json(refusal))
            await self._send({"type": "http.response.body", "body": body, "more_body": False})


class _Conversation(_Exchange):
    """A WebSocket, which may last as long as it likes."""

    _accepted = False

    async def _serve(self, app: ASGIApp) -> None:
        await app(self._scope, self._receive_raw, self._send)

    async def _send(self, message: Message) -> None:
        self._accepted = self._accepted or message["type"] == "websocket.accept"
        await self._send_raw(message)

    async def _tell(self, refusal: ApiError) -> None:
        if self._accepted:
            await self._send_raw({"type": "websocket.close", "code": _GOING_AWAY})
        elif "websocket.http.response" in self._scope.get("extensions", {}):
            await error_response(refusal)(self._scope, self._receive_raw, self._send_raw)
        else:
            await self._send_raw({"type": "websocket.close", "code": 1008})


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _seconds(headers: Headers, longest: float) -> float:
    """Return how long a request may take."""
    given: Any = headers.get("x-request-timeout")
    if given is None:
        return longest
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ApiError(400, "X-Request-Timeout: give a positive number of seconds", "invalid_value")
    return min(seconds, longest)


def _stopping() -> ApiError:
    return ApiError(
        503,
        "the server is stopping: send the request again",
        "shutting_down",
        headers={"Retry-After": "2", "Connection": "close"},
    )
