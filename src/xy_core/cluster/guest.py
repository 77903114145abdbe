"""What runs on the other node: one model, and the calls to it."""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import os
import pickle
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, NamedTuple

import xy_core
from xy_core.cluster.connection import node_name
from xy_core.cluster.mail import Answer
from xy_core.cluster.packing import Packed, pack, shares, unpack
from xy_core.core.cancellation import CancelToken, checkpoint, current_token
from xy_core.core.child import portable
from xy_core.core.errors import TaskCancelled
from xy_core.core.host_exchange import WINDOW
from xy_core.core.host_link import Kind
from xy_core.core.host_served import make_object, method_of, produce

_POLL = 0.1
"""Seconds after which a producer that waits for its consumer looks whether it has gone."""
_SOON = 0.005
"""Seconds that outcomes wait at most for those of other calls of the same message."""
_END = object()


class Whereabouts(NamedTuple):
    """Where a guest lives: its node, its process, its xy-core."""

    node: str
    pid: int
    version: str


class Guest:
    """Holds a model in an actor.

    Calls run on as many threads as the actor has. `stay`, `where`, `ping`, `cancel` and `close`
    belong to threads of their own, so that they are answered while all others work.
    """

    def __init__(self, calls: int) -> None:
        """Serve nothing yet.

        Args:
            calls: how many calls are made at a time, at most.
        """
        self._served: Any = None
        self._calls: dict[int, CancelToken] = {}
        self._cancelled_early: deque[int] = deque(maxlen=256)
        self._changed = threading.Condition()
        self._threads = ThreadPoolExecutor(calls, "xy-call")
        self._kept: dict[int, Future[Packed]] = {}

    # -- work --------------------------------------------------------------------------------

    def make(self, number: int, packed: Packed) -> Packed:
        """Make the model, and begin; returns nothing."""
        with self._call(number):
            self._served = make_object(*unpack(packed))
            return pack(None)

    def call(self, number: int, packed: Packed) -> Packed:
        """Call a method and return its result."""
        with self._call(number):
            method, args, kwargs = unpack(packed)
            return pack(method_of(self._served, method)(*args, **kwargs))

    def calls(self, letters: bytes) -> bytes:
        """Make several calls at a time and return the outcome of each that is there soon."""
        numbers = []
        for number, packed in pickle.loads(letters):  # noqa: S301 - of our own program
            numbers.append(number)
            self._kept[number] = self._threads.submit(self.call, number, packed)
        wait([self._kept[number] for number in numbers], timeout=_SOON)
        return pickle.dumps([self._outcome(number) for number in numbers], 5)

    def fetch(self, number: int) -> Packed:
        """Wait for the end of a call whose outcome was not among the others, and return it."""
        return self._kept.pop(number).result()

    def stream(self, number: int, packed: Packed) -> Iterator[Packed]:
        """Call a method, and yield what it yields or hands over."""
        with self._call(number) as token:
            name, args, kwargs = unpack(packed)
            method = method_of(self._served, name)
            if inspect.isgeneratorfunction(method):
                items = method(*args, **kwargs)
            else:
                items = _handed_over(method, token, args, kwargs)
            with contextlib.closing(items):
                for item in items:
                    yield pack(item)
                    checkpoint()

    # -- control -----------------------------------------------------------------------------

    def stay(self) -> None:
        """Never return: whoever waits for it learns when this process is gone."""
        threading.Event().wait()

    def where(self) -> Whereabouts:
        """Say where this is."""
        return Whereabouts(node_name(), os.getpid(), xy_core.__version__)

    def ping(self) -> None:
        """Give a sign of life."""

    def cancel(self, number: int) -> None:
        """Ask a call to end; harmless if it has."""
        token = self._calls.get(number)
        if token is None:
            self._cancelled_early.append(number)
        else:
            token.cancel()

    def close(self) -> None:
        """Let calls end, and free what the model holds."""
        for token in tuple(self._calls.values()):
            token.cancel()
        with self._changed:
            self._changed.wait_for(lambda: not self._calls)
        if hasattr(self._served, "close"):
            self._served.close()

    # ----------------------------------------------------------------------------------------

    def _outcome(self, number: int) -> Answer:
        """Return a call's outcome if it is there and may share a message."""
        future = self._kept[number]
        if not future.done():
            return None
        error = future.exception()
        packed = future.result() if error is None else pack(error)
        if not shares(packed):
            return None
        del self._kept[number]
        return int(Kind.RESULT if error is None else Kind.ERROR), packed

    @contextmanager
    def _call(self, number: int) -> Iterator[CancelToken]:
        """Note a call, and let what it raises be such that the other side can raise it."""
        token = self._calls[number] = CancelToken()
        if number in self._cancelled_early:  # the two came by different threads
            token.cancel()
        before = current_token.set(token)
        try:
            checkpoint()
            yield token
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the model raises
            raise portable(error) from None
        finally:
            current_token.reset(before)
            with self._changed:
                del self._calls[number]
                self._changed.notify_all()


def _handed_over(
    method: Callable[..., Any], token: CancelToken, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[Any]:
    """Yield what a method hands over, from a thread of its own."""
    items: queue.Queue[Any] = queue.Queue(WINDOW)
    failed: list[BaseException] = []
    gone = threading.Event()

    def emit(item: object) -> None:
        while not (token.cancelled or gone.is_set()):
            with contextlib.suppress(queue.Full):
                items.put(item, timeout=_POLL)
                return
        raise TaskCancelled("the stream's consumer has gone")

    def work() -> None:
        try:
            produce(method, emit, args, kwargs)
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            failed.append(error)
        while not gone.is_set():
            with contextlib.suppress(queue.Full):
                items.put(_END, timeout=_POLL)
                return

    working = contextvars.copy_context()
    thread = threading.Thread(target=working.run, args=(work,), name="xy-hand-over", daemon=True)
    thread.start()
    try:
        while (item := items.get()) is not _END:
            yield item
        if failed:
            raise failed[0]
    finally:
        gone.set()
        thread.join()
