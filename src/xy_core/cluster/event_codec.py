"""Events as bytes and back: only of classes that this program has, and checked field by field."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError

from xy_core.core.errors import BusError
from xy_core.core.events import Event, Request

_ORIGIN = "Xy-Origin"
_EVENT = "Xy-Event"
_SIGNATURE = "Xy-Signature"


class EventRefused(BusError):  # noqa: N818 - a state, not a fault of the program
    """An event cannot be sent, or what came is none that may be taken.

    Attributes:
        reason: one of a few words, to count by.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class EventCodec:
    """Writes events of certain topics as JSON, and reads them again.

    A message names the class of its event; only classes of this program whose topics fit are
    looked up, nothing is imported, and pydantic checks each field's type. With a secret, messages
    carry an HMAC (SHA-256, RFC 2104) of their subject, origin, class and body.
    """

    def __init__(
        self, origin: str, topics: Sequence[str], longest: int, secret: bytes | None
    ) -> None:
        """Prepare it.

        Args:
            origin: this program's name among the others; its own messages are refused.
            topics: patterns of those that are sent and taken.
            longest: bytes of a message.
            secret: what they are signed with.
        """
        self._origin = origin
        self._topics = tuple(topics)
        self._longest = longest
        self._secret = secret
        self._writers: dict[type[Event], TypeAdapter[Any]] = {}
        self._readers: dict[str, TypeAdapter[Any]] = {}

    def pattern(self, topic: str) -> str | None:
        """Return the first pattern that a topic fits, if any."""
        return next((one for one in self._topics if fnmatchcase(topic, one)), None)

    def encode(self, subject: str, event: Event) -> tuple[bytes, dict[str, str]]:
        """Return an event's body and headers.

        Raises:
            EventRefused: it holds what JSON has no form for, or is too long.
        """
        kind = _kind(type(event))
        try:
            writer = self._writers.get(type(event))
            if writer is None:
                writer = self._writers[type(event)] = TypeAdapter(type(event))
            body = writer.dump_json(event)
        except (PydanticUserError, PydanticSerializationError, ValueError) as error:
            raise EventRefused("not sendable", f"{kind}: {error}") from error
        if len(body) > self._longest:
            raise EventRefused("too long", f"{kind} of {len(body):,} bytes")
        headers = {_ORIGIN: self._origin, _EVENT: kind}
        if self._secret is not None:
            headers[_SIGNATURE] = self._sign(subject, self._origin, kind, body)
        return body, headers

    def decode(self, subject: str, body: bytes, headers: Mapping[str, str] | None) -> Event:
        """Return the event of a message.

        Raises:
            EventRefused: it is this program's own, too long, unsigned, of a class that is not
                known or not wanted, or does not fit its class.
        """
        told = headers or {}
        origin, kind = told.get(_ORIGIN, ""), told.get(_EVENT, "")
        if origin == self._origin:
            raise EventRefused("own")
        if len(body) > self._longest:
            raise EventRefused("too long")
        if self._secret is not None:
            right = self._sign(subject, origin, kind, body)
            if not hmac.compare_digest(right.encode(), told.get(_SIGNATURE, "").encode()):
                raise EventRefused("not signed")
        try:
            event: Event = self._reader(kind).validate_json(body)
        except (ValidationError, ValueError, RecursionError) as error:
            raise EventRefused("malformed", kind) from error
        return event

    def _reader(self, kind: str) -> TypeAdapter[Any]:
        known = self._readers.get(kind)
        if known is None:
            # The last: a class with slots is made anew, and the first one may still be there.
            found = next(reversed([one for one in _subclasses(Event) if _kind(one) == kind]), None)
            if found is None or self.pattern(found.topic) is None or issubclass(found, Request):
                raise EventRefused("unknown event", kind[:100])
            try:
                known = self._readers[kind] = TypeAdapter(found)
            except PydanticUserError as error:
                raise EventRefused("unknown event", str(error)) from error
        return known

    def _sign(self, subject: str, origin: str, kind: str, body: bytes) -> str:
        head = f"{subject}\n{origin}\n{kind}\n".encode("utf-8", "replace")
        return hmac.new(self._secret or b"", head + body, hashlib.sha256).hexdigest()


def _kind(event: type[Event]) -> str:
    return f"{event.__module__}.{event.__qualname__}"


def _subclasses(event: type[Event]) -> Iterator[type[Event]]:
    for one in event.__subclasses__():
        if dataclasses.is_dataclass(one):
            yield one
        yield from _subclasses(one)
