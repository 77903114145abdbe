"""One call in flight to a model's process, as its caller sees it."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.child import memory_error
from xy_core.core.errors import TaskCancelled
from xy_core.core.host_link import Kind, Message

if TYPE_CHECKING:
    from xy_core.core.host_process import HostProcess

WINDOW = 32
"""Items of a stream that may be under way before the consumer has asked for more."""


class Exchange:
    """What is said about one call; leaving its context before the call has ended cancels it.

    Attributes:
        number: by which both ends know the call.
    """

    def __init__(self, process: HostProcess, number: int, grace: float) -> None:
        self.number = number
        self._process = process
        self._grace = grace
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._token = current_token.get() or CancelToken()
        self._waking = self._token.waking(self.wake)
        self._over = False

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

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the call's end, and return its result or raise its error.

        Args:
            timeout: seconds after which the process is killed.

        Raises:
            TaskCancelled: the task that waits was cancelled.
            WorkerCrashed: the process died.
        """
        message = self._next(timeout)
        if message.kind is Kind.ERROR:
            raise self._error(message)
        return message.parcel.open()

    def items(self) -> Iterator[Any]:
        """Yield the items of a stream as they come; raises as `result` does."""
        taken = 0
        while (message := self._next()).kind is Kind.ITEM:
            yield message.parcel.open()
            taken += 1
            if taken == WINDOW // 2:
                self._process.send(Kind.CREDIT, self.number, taken)
                taken = 0
        if message.kind is Kind.ERROR:
            raise self._error(message)

    def deliver(self, message: Message) -> None:
        """Take a message of this call from the thread that reads."""
        self._messages.put(message)

    def wake(self) -> None:
        """Look again at whether the call was cancelled, or the process is gone."""
        self._messages.put(None)

    def _next(self, timeout: float | None = None) -> Message:
        try:
            message = self._messages.get(timeout=timeout)
        except queue.Empty:
            self._process.kill(f"was killed: it was not ready after {timeout:g} s")
            message = None
        self._over = message is None or message.kind is not Kind.ITEM
        if self._token.cancelled:
            self._over = self._over and message is not None
            raise TaskCancelled("the task was cancelled while a model's process worked for it")
        if message is None:
            raise self._process.crash()
        return message

    def _cancel(self) -> None:
        """Ask the call to end, and kill the process if it does not: nothing else frees it."""
        self._process.send(Kind.CANCEL, self.number)
        deadline = time.monotonic() + self._grace
        while not self._process.ended.is_set():
            try:
                message = self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                reason = f"was killed: a cancelled call did not end within {self._grace:g} s"
                self._process.kill(reason, deliberate=True)
                return
            if message is not None and message.kind is not Kind.ITEM:
                return

    def _error(self, message: Message) -> Exception:
        error: Exception = message.parcel.open()
        limit = self._process.limits.memory
        if isinstance(error, MemoryError) and limit is not None:
            return memory_error(limit, "process.memory in its module's section", error)
        return error
