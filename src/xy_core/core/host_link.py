"""The pipe between a host and its process: many calls over one, large things beside it."""

from __future__ import annotations

import enum
import pickle
import threading
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol

from xy_core.core.shared_arrays import Inbox, Outbox


class Kind(enum.IntEnum):
    """What a message says."""

    # to the process
    MAKE = enum.auto()
    CALL = enum.auto()
    STREAM = enum.auto()
    CREDIT = enum.auto()
    CANCEL = enum.auto()
    PING = enum.auto()
    STOP = enum.auto()
    # from the process
    ITEM = enum.auto()
    RESULT = enum.auto()
    ERROR = enum.auto()
    PONG = enum.auto()


class Content(Protocol):
    """What has arrived and is not unpacked yet."""

    def open(self) -> Any:
        """Unpack it, once.

        Raises:
            InvalidTaskError: it needs something that this process cannot find.
        """


class Message(NamedTuple):
    """One message: what it says, of which call, and its content, still packed."""

    kind: Kind
    call: int
    parcel: Content


class Link:
    """One end of the connection; `send` may be used by any thread, `receive` by one at a time."""

    def __init__(self, pipe: Connection, outbox: Outbox, inbox: Inbox) -> None:
        self._pipe = pipe
        self._outbox = outbox
        self._inbox = inbox
        self._sending = threading.Lock()

    def send(self, kind: Kind, call: int = 0, content: Any = None) -> None:
        """Send a message.

        Raises:
            InvalidTaskError: the content cannot be pickled; nothing was sent.
            OSError: the other end is gone.
        """
        frame = self._outbox.pack(content)
        message = pickle.dumps((int(kind), call, frame), pickle.HIGHEST_PROTOCOL)
        with self._sending:
            self._pipe.send_bytes(message)

    def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            EOFError: the other end is gone.
            OSError: the same, in the middle of a message.
        """
        kind, call, frame = pickle.loads(self._pipe.recv_bytes())  # noqa: S301 - our own process
        return Message(Kind(kind), call, self._inbox.accept(frame))

    def tidy(self) -> None:
        """Give back shared memory that is not needed any more."""
        self._outbox.tidy()

    def close(self) -> None:
        """Close this end, once nobody sends: its number may soon belong to another file."""
        with self._sending:
            self._pipe.close()
