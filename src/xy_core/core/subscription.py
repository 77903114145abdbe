"""One subscriber's place on the bus: a bounded queue of its own."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from typing import TYPE_CHECKING, Self

from xy_core.core.task import TaskPriority

if TYPE_CHECKING:
    from xy_core.core.events import Event


class Overflow(enum.Enum):
    """What happens when a subscriber's queue is full."""

    BLOCK = "block"
    """`publish` waits; `publish_nowait` drops the new event."""
    DROP_OLDEST = "drop_oldest"
    """The oldest event of the lowest priority gives way."""
    DROP_NEWEST = "drop_newest"
    """The new event is dropped."""


class Subscription:
    """Events for one subscriber; iterate over it, and close it when done.

    Urgent events come first; those of one priority keep their order. A subscriber that lags
    behind loses events by its own overflow policy and delays nobody else.

    Attributes:
        name: shown in logs and in `HandlerFailed`.
        dropped: how many events the overflow policy has cost.
    """

    def __init__(self, name: str, size: int, overflow: Overflow) -> None:
        self.name = name
        self.dropped = 0
        self._size = size
        self._overflow = overflow
        self._queues: dict[TaskPriority, deque[Event]] = {
            priority: deque() for priority in sorted(TaskPriority, reverse=True)
        }
        self._waiting = 0
        self._closed = False
        self._reader: asyncio.Future[None] | None = None
        self._writers: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return self._waiting

    @property
    def closed(self) -> bool:
        """Whether no more events will come in."""
        return self._closed

    async def put(self, event: Event) -> None:
        """Add an event; under BLOCK wait for space."""
        while self._overflow is Overflow.BLOCK and self._full():
            waiter = asyncio.get_running_loop().create_future()
            self._writers.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if not self._full():
                    self._let_one_in()  # the place was meant for this writer
                raise
        self.put_nowait(event)

    def offer(self, event: Event) -> bool:
        """Add an event unless that means to wait, as under BLOCK it can; False if it does."""
        if self._overflow is Overflow.BLOCK and self._full():
            return False
        self.put_nowait(event)
        return True

    def put_nowait(self, event: Event) -> None:
        """Add an event, or apply the overflow policy."""
        if self._closed:
            return
        if self._full():
            self.dropped += 1
            if self._overflow is not Overflow.DROP_OLDEST:
                return
            self._drop_oldest()
        self._queues[event.priority].append(event)
        self._waiting += 1
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def close(self) -> None:
        """Take no more events; those that wait can still be read."""
        self._closed = True
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
        for writer in self._writers:
            if not writer.done():
                writer.set_result(None)
        self._writers.clear()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        self._waiting -= 1
        self._let_one_in()
        return next(queue for queue in self._queues.values() if queue).popleft()

    def _full(self) -> bool:
        return self._waiting >= self._size and not self._closed

    def _drop_oldest(self) -> None:
        lowest = next(queue for queue in reversed(self._queues.values()) if queue)
        lowest.popleft()
        self._waiting -= 1

    def _let_one_in(self) -> None:
        while self._writers:
            writer = self._writers.popleft()
            if not writer.done():
                writer.set_result(None)
                return
