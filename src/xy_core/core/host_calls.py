"""Calls and streams to a model that lives elsewhere, tried again where nothing was delivered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Any

from xy_core.core.errors import WorkerCrashed
from xy_core.core.host_link import Kind
from xy_core.core.model_process import CallInFlight


class HostCalls(ABC):
    """Something that calls the methods of an object in another process.

    All methods block and belong to threads, as a device lane's are. Several may call at a time.
    """

    def __init__(self, retries: int) -> None:
        """Say how often a call is sent again that a crash left without any item."""
        self._retries = retries

    @abstractmethod
    def exchange(
        self, kind: Kind, method: str, args: Any, kwargs: Any
    ) -> AbstractContextManager[CallInFlight]:
        """Wait for a process and a free place in it, and begin a call.

        Raises:
            TaskCancelled: the task was cancelled.
            WorkerUnavailable: no process is running, or they keep dying.
            InvalidTaskError: an argument cannot be pickled.
        """

    def call(self, method: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the object, and return what it returns.

        Cancelling the task that calls cancels the call at its next `checkpoint`; a call that does
        not get there within ``cancel_grace`` is ended with the process.

        Raises:
            TaskCancelled: the task was cancelled.
            WorkerCrashed: the process died, also in the attempts that ``retries`` allows.
            WorkerUnavailable: the process is not running, or keeps dying.
            InvalidTaskError: an argument or the result cannot be pickled.
            Exception: whatever the method raised, with the traceback there as a note.
        """
        left = self._retries
        while True:
            try:
                with self.exchange(Kind.CALL, method, args, kwargs) as exchange:
                    return exchange.result()
            except WorkerCrashed:
                if not left:
                    raise
            left -= 1

    def stream(self, method: str, /, *args: Any, **kwargs: Any) -> Generator[Any, None, None]:
        """Yield what a generator method yields, or what a method hands to ``emit``.

        ``emit`` is then the method's first argument. The method waits while the consumer is far
        behind. Closing the iterator ends the method at its next item. A stream is tried again
        only if it was lost before its first item. Raises what `call` raises.
        """
        left = self._retries
        while True:
            try:
                with self.exchange(Kind.STREAM, method, args, kwargs) as exchange:
                    for item in exchange.items():
                        left = 0
                        yield item
                    return
            except WorkerCrashed:
                if not left:
                    raise
            left -= 1
