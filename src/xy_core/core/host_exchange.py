"""One call in flight to a model's process, as its caller sees it."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

from xy_core.core.call_context import CallContext, Partner
from xy_core.core.child import memory_error
from xy_core.core.host_link import Kind, Message

WINDOW = 32
"""Items of a stream that may be under way before the consumer has asked for more."""


class Exchange(CallContext):
    """What is said about one call, message by message; a `CallInFlight`."""

    def __init__(self, process: Partner, number: int, grace: float) -> None:
        super().__init__(process, number, grace)
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

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
        """See `CallContext`."""
        self._messages.put(None)

    def _next(self, timeout: float | None = None) -> Message:
        try:
            message = self._receive(timeout)
        except queue.Empty:
            self._process.kill(f"was killed: it was not ready after {timeout:g} s")
            message = None
        self._over = message is None or message.kind is not Kind.ITEM
        if self._token.cancelled:
            self._over = self._over and message is not None
        self._look()
        if message is None:
            raise self._process.crash()
        return message

    def _receive(self, timeout: float | None) -> Message | None:
        """Wait for the next message; None if there is a reason to `wake`.

        Raises:
            queue.Empty: none came in that many seconds.
        """
        return self._messages.get(timeout=timeout)

    def _ends_within(self, seconds: float) -> bool:
        try:
            message = self._receive(seconds)
        except queue.Empty:
            return False
        return message is not None and message.kind is not Kind.ITEM

    def _error(self, message: Message) -> Exception:
        error: Exception = message.parcel.open()
        limit = self._process.memory_limit
        if isinstance(error, MemoryError) and limit is not None:
            return memory_error(limit, "process.memory in its module's section", error)
        return error
