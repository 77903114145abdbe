"""What runs in a model's own process: it makes the model, and calls its methods."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from multiprocessing.heap import Arena
from typing import Any

from xy_core.core.cancellation import CancelToken, checkpoint, current_token
from xy_core.core.child import WorkerLimits, portable, settle_in
from xy_core.core.errors import InvalidTaskError, TaskCancelled
from xy_core.core.host_link import Kind, Link, Message
from xy_core.core.host_served import make_object, method_of, produce
from xy_core.core.shared_arrays import Inbox, Outbox


def live(
    pipe: Connection, output: Connection, incoming: Arena, outgoing: Arena, limits: WorkerLimits
) -> None:
    """Serve calls until the parent says stop, closes the pipe or dies; never returns."""
    settle_in(limits)
    _print_into(output)
    _Server(Link(pipe, Outbox(outgoing), Inbox(incoming))).serve()


def _print_into(output: Connection) -> None:
    """Let everything that is printed, by native code too, go to the parent."""
    if sys.platform != "win32":
        for descriptor in (1, 2):
            os.dup2(output.fileno(), descriptor)
        # Python's own streams were made for what stood there before.
        sys.stdout, sys.stderr = (
            open(descriptor, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115 - no path; open to the end
            for descriptor in (1, 2)
        )
    output.close()
    faulthandler.enable(all_threads=False)


class _Server:
    """Threads that take turns at reading the pipe.

    The one that reads a call makes it, at once, and the next goes on reading: handing calls over
    to other threads would cost each of them the time that a thread needs to wake up.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self.served: Any = None
        self._calls: dict[int, _Call] = {}
        self._reading = threading.Lock()
        self._waiting: set[int] = set()
        self._ended = threading.Condition()

    def serve(self) -> None:
        me = threading.get_ident()
        while True:
            self._waiting.add(me)
            with self._reading:
                self._waiting.discard(me)
                call = self._next_call()
                if not self._waiting:
                    threading.Thread(target=self.serve, daemon=True).start()
            self._run(call)

    def _next_call(self) -> _Call:
        while True:
            try:
                message = self._link.receive()
            except (EOFError, OSError):
                os._exit(0)  # the parent is gone, whatever the threads do
            if message.kind in {Kind.MAKE, Kind.CALL, Kind.STREAM}:
                return self._calls.setdefault(message.call, _Call(message, self._link))
            self._obey(message)

    def _obey(self, message: Message) -> None:
        if message.kind is Kind.PING:
            self._link.tidy()
            self._link.send(Kind.PONG)
        elif message.kind is Kind.STOP:
            self._stop()
        elif (call := self._calls.get(message.call)) is not None:
            if message.kind is Kind.CREDIT:
                call.more(message.parcel.open())
            else:
                call.cancel()

    def _run(self, call: _Call) -> None:
        call.run(self)
        with self._ended:
            del self._calls[call.number]
            self._ended.notify_all()

    def _stop(self) -> None:
        """Let calls end, give the model back, and go; the parent does not wait for ever."""
        for call in tuple(self._calls.values()):
            call.cancel()
        with self._ended:
            self._ended.wait_for(lambda: not self._calls)
        try:
            getattr(self.served, "close", _nothing)()
        except Exception:  # noqa: BLE001 - it goes all the same
            traceback.print_exc()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)  # native libraries' own clean-up at exit may hang


class _Call:
    """One call from the parent."""

    def __init__(self, message: Message, link: Link) -> None:
        self.number = message.call
        self._kind = message.kind
        self._parcel = message.parcel
        self._link = link
        self._token = CancelToken()
        self._room = threading.Condition()
        self._credit = 0

    def cancel(self) -> None:
        """Ask it to end at its next checkpoint or item."""
        self._token.cancel()
        self.more(0)

    def more(self, credit: int) -> None:
        """Allow that many more items."""
        with self._room:
            self._credit += credit
            self._room.notify_all()

    def run(self, server: _Server) -> None:
        """Do it, and tell the parent how it ended."""
        before = current_token.set(self._token)
        try:
            result = self._outcome(server)
        except BaseException as error:  # noqa: BLE001 - a call that ends in silence hangs the parent
            self._tell(Kind.ERROR, portable(error))
        else:
            self._tell(Kind.RESULT, result)
        finally:
            current_token.reset(before)

    def _outcome(self, server: _Server) -> Any:
        content = self._parcel.open()
        checkpoint()
        if self._kind is Kind.MAKE:
            server.served = make_object(*content)
            return None
        name, args, kwargs, credit = content
        self.more(credit)
        method = method_of(server.served, name)
        if self._kind is Kind.CALL:
            return method(*args, **kwargs)
        return produce(method, self._emit, args, kwargs)

    def _emit(self, item: Any) -> None:
        with self._room:
            self._room.wait_for(lambda: self._credit > 0 or self._token.cancelled)
            self._credit -= 1
        if self._token.cancelled:
            raise TaskCancelled("the stream's consumer has gone")
        self._link.send(Kind.ITEM, self.number, item)

    def _tell(self, kind: Kind, content: Any) -> None:
        try:
            self._link.send(kind, self.number, content)
        except InvalidTaskError as error:
            self._link.send(Kind.ERROR, self.number, portable(error))


def _nothing() -> None:
    """Close what has nothing to close."""
