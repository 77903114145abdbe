"""Requests with an ``Idempotency-Key``: whoever sends one again gets the first one's answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from cachetools import TTLCache
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xy_core.server.config import IdempotencyConfig
from xy_core.server.errors import ApiError

PATHS = frozenset(
    {
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/audio/speech",
        "/v1/images/generations",
        "/v1/images/edits",
        "/v1/embeddings",
        "/v1/agent/turns",
    }
)
"""The endpoints that generate, and so cost something each time."""
_HEADER = "idempotency-key"
_LONGEST_KEY = 255
_OVERHEAD = 1_024
"""Bytes that an answer is counted for beside its body: its headers and its place."""
_SUCCESS = range(200, 300)

_Name = tuple[str, str]


class Idempotency:
    """Gives the same answer to the same request, as long as it is remembered.

    Only successes are remembered: what was refused or failed may be tried again. Streams are not:
    a repeat while one is under way is refused, and runs again after it.
    """

    def __init__(
        self, app: ASGIApp, config: IdempotencyConfig, *, now: Callable[[], float] = monotonic
    ) -> None:
        self._app = app
        self._largest = min(config.answer, config.all_answers) - _OVERHEAD
        self._running: dict[_Name, _Running] = {}
        self._answers: TTLCache[_Name, _Answer] = TTLCache(
            config.all_answers, config.seconds, now, getsizeof=lambda answer: answer.size
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is remembered, or pass it on.

        Raises:
            ApiError: the key is none, was used for another request, or its stream is under way.
        """
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        key = Headers(scope=scope).get(_HEADER)
        if key is None:
            await self._app(scope, receive, send)
            return
        _check(key)
        body = await _Body.read(scope, receive)
        name = (scope["state"]["principal"].id, key)
        answer = await self._remembered(name, body)
        if answer is not None:
            await answer.send(send)
        else:
            await self._first(name, body, scope, send)

    async def _remembered(self, name: _Name, body: _Body) -> _Answer | None:
        """Wait for those who came before; None if it is this request's turn to run."""
        while True:
            answer = self._answers.get(name)
            running = self._running.get(name)
            before = answer or running
            if before is None:
                return None
            if before.fingerprint != body.fingerprint:
                raise ApiError(
                    422,
                    "this Idempotency-Key was used for another request: take a new one",
                    "idempotency_key_reused",
                )
            if answer is not None:
                return answer
            if running is not None and running.streams:
                raise ApiError(
                    409,
                    "the stream of this Idempotency-Key is under way and is not kept: wait for it",
                    "idempotency_stream_under_way",
                )
            if running is not None:
                await running.decided.wait()

    async def _first(self, name: _Name, body: _Body, scope: Scope, send: Send) -> None:
        running = self._running[name] = _Running(body.fingerprint)
        recording = _Recording(running, send, self._largest)
        try:
            await self._app(scope, body.receive, recording.send)
            answer = recording.answer()
            if answer is not None:
                self._answers[name] = answer
        finally:
            del self._running[name]
            running.decided.set()


@dataclass(slots=True)
class _Running:
    """A request under way.

    Attributes:
        fingerprint: of what was asked.
        streams: whether its answer will not be kept.
        decided: set when it has ended, or is found to be a stream.
    """

    fingerprint: bytes
    streams: bool = False
    decided: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that is remembered."""

    fingerprint: bytes
    start: Message
    body: bytes

    @property
    def size(self) -> int:
        """Bytes that it is counted for."""
        return len(self.body) + _OVERHEAD

    async def send(self, send: Send) -> None:
        """Give it once more."""
        # The layers outside add their own headers to the list that they are given.
        again = [*self.start["headers"], (b"idempotent-replayed", b"true")]
        await send({**self.start, "headers": again})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class _Recording:
    """Passes an answer on and keeps it, if it is one to keep."""

    def __init__(self, running: _Running, send: Send, largest: int) -> None:
        self._running = running
        self._send = send
        self._largest = largest
        self._start: Message | None = None
        self._body = bytearray()
        self._complete = False

    async def send(self, message: Message) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self._start = {**message, "headers": list(message["headers"])}
            kind = Headers(raw=self._start["headers"]).get("content-type", "")
            if kind.startswith("text/event-stream"):
                self._give_up()
        elif not self._running.streams:
            self._body += message.get("body", b"")
            self._complete = not message.get("more_body", False)
            if len(self._body) > self._largest:
                self._give_up()
        await self._send(message)

    def answer(self) -> _Answer | None:
        """Return what is to be remembered, if anything is."""
        kept = self._start is not None and self._complete and not self._running.streams
        if not kept or self._start is None or self._start["status"] not in _SUCCESS:
            return None
        return _Answer(self._running.fingerprint, self._start, bytes(self._body))

    def _give_up(self) -> None:
        self._body.clear()
        self._running.streams = True
        self._running.decided.set()


class _Body:
    """A request's body, read before the endpoint asks for it."""

    def __init__(self, content: bytes, fingerprint: bytes, receive: Receive) -> None:
        self.fingerprint = fingerprint
        self._content: bytes | None = content
        self._receive = receive

    @classmethod
    async def read(cls, scope: Scope, receive: Receive) -> _Body:
        """Read it to its end; `BodyLimits` bounds it."""
        content = bytearray()
        more = True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        body = bytes(content)
        kind = Headers(scope=scope).get("content-type", "")
        return cls(body, _fingerprint(scope["path"], kind, body), receive)

    async def receive(self) -> Message:
        """Give it to the endpoint in one, then what comes after it."""
        if self._content is None:
            return await self._receive()
        content, self._content = self._content, None
        return {"type": "http.request", "body": content, "more_body": False}


def _fingerprint(path: str, content_type: str, body: bytes) -> bytes:
    """Return what tells requests apart; clients draw a form's boundary anew each time."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    digest = hashlib.sha256(path.encode() + b"\n" + kind + b"\n")
    digest.update(body.replace(boundary, b"") if boundary else body)
    return digest.digest()


def _check(key: str) -> None:
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise ApiError(
            400,
            f"Idempotency-Key: give 1 to {_LONGEST_KEY} printable characters",
            "invalid_value",
        )
