"""How a call to a model's process begins, and how it ends when its caller leaves early."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Protocol, Self

from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.errors import TaskCancelled, WorkerCrashed
from xy_core.core.host_link import Kind


class Partner(Protocol):
    """What a call needs of the process that serves it; see `ModelProcess`."""

    ended: threading.Event

    @property
    def memory_limit(self) -> int | None:
        """Bytes of data that this program lets it use; None for no limit."""

    def send(self, kind: Kind, number: int = 0, content: Any = None) -> None:
        """Say something about a call without waiting; nobody hears it if the process is gone."""

    def forget(self, call: Any) -> None:
        """Stop listening for a call that has ended."""

    def kill(self, reason: str, *, deliberate: bool = False) -> None:
        """See `ModelProcess`."""

    def crash(self) -> WorkerCrashed:
        """See `ModelProcess`."""


class CallContext(ABC):
    """A call; leaving its context before it has ended cancels it.

    Attributes:
        number: by which both ends know the call.
    """

    def __init__(self, process: Partner, number: int, grace: float) -> None:
        self.number = number
        self._process = process
        self._grace = grace
        self._token = current_token.get() or CancelToken()
        self._waking = self._token.waking(self.wake)
        self._over = False

    @abstractmethod
    def wake(self) -> None:
        """Look again at whether the call was cancelled, or the process is gone."""

    @abstractmethod
    def _ends_within(self, seconds: float) -> bool:
        """Wait for a sign of the call; whether it was its end. Takes no longer than that."""

    def __enter__(self) -> Self:
        self._waking.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._waking.__exit__(kind, error, traceback)
        if not self._over:
            self._cancel()
        self._process.forget(self)

    def _look(self) -> None:
        """Raise if the task that waits was cancelled."""
        if self._token.cancelled:
            raise TaskCancelled("the task was cancelled while a model's process worked for it")

    def _cancel(self) -> None:
        """Ask the call to end, and kill the process if it does not: nothing else frees it."""
        self._process.send(Kind.CANCEL, self.number)
        deadline = time.monotonic() + self._grace
        while not self._process.ended.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                reason = f"was killed: a cancelled call did not end within {self._grace:g} s"
                self._process.kill(reason, deliberate=True)
                return
            if self._ends_within(left):
                return
