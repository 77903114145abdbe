"""One subscriber's place on the bus: a bounded queue of its own."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from xy_core.core.task import TaskPriority

if TYPE_CHECKING:
    from xy_core.core.events import Event

EventT_co = TypeVar("EventT_co", bound="Event", covariant=True)


class Overflow(enum.Enum):
    """What happens when a subscriber's queue is full."""

    BLOCK = "block"
    """`publish` waits; `publish_nowait` drops the new event."""
    DROP_OLDEST = "drop_oldest"
    """The oldest event of the lowest priority gives way, be it the new one."""
    DROP_NEWEST = "drop_newest"
    """The new event is dropped."""


class Subscription(Generic[EventT_co]):
    """Events for one subscriber; iterate over it, and close it when done.

    Urgent events come first; those of one priority keep the order in which they were published. A
    subscriber that lags behind loses events by its own overflow policy and delays nobody else.
    Several tasks may iterate over one subscription: each event goes to one of them.

    Attributes:
        name: shown in logs and in `HandlerFailed`.
        dropped: how many events were lost: by the overflow policy, or because the subscription
            was closed while their publishers waited.
    """

    __slots__ = (
        "_blocked",
        "_closed",
        "_letting_in",
        "_line",
        "_lines",
        "_lost",
        "_overflow",
        "_parked",
        "_priority",
        "_readers",
        "_room",
        "_size",
        "dropped",
        "name",
    )

    def __init__(
        self,
        name: str,
        size: int,
        overflow: Overflow,
        lost: Callable[[Event], None] | None = None,
    ) -> None:
        """Make a place for events.

        Args:
            name: shown in logs.
            size: how many events may wait.
            overflow: what happens to more.
            lost: told of each event that is dropped.
        """
        self.name = name
        self.dropped = 0
        self._size = size
        self._overflow = overflow
        self._lost = lost
        self._closed = False
        # As a rule all waiting events have the same priority. Then `_line` holds them, and `_room`
        # is the size. In every other case `_room` is 0, which leads `offer` to the whole truth.
        self._priority = TaskPriority.MEDIUM
        self._line: deque[Event] = deque()
        self._lines = {self._priority: self._line}
        self._room = size
        self._blocked: dict[asyncio.Future[None], Event] = {}
        self._letting_in = False
        self._readers: deque[asyncio.Future[None]] = deque()
        self._parked: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    @property
    def closed(self) -> bool:
        """Whether no more events will come in."""
        return self._closed

    # -- publishers --------------------------------------------------------------------------

    def offer(self, event: Event) -> bool:
        """Add an event unless that means to wait, as under BLOCK it can; False if it does."""
        if event.priority is self._priority and len(self._line) < self._room:
            self._line.append(event)
            if self._readers:
                self._wake_reader()
            return True
        if self._overflow is Overflow.BLOCK and self._full():
            return False
        self._put(event)
        return True

    def put_nowait(self, event: Event) -> None:
        """Add an event, or apply the overflow policy."""
        if not self.offer(event):
            self._drop(event)

    async def put(self, event: Event) -> None:
        """Add an event; under BLOCK wait for a place."""
        if not self.offer(event):
            await put_into_all((self,), event)

    def wait_to_put(self, event: Event) -> asyncio.Future[None]:
        """Queue for a place for an event that was not taken; done once it has one.

        Events that wait here come in in the order in which they were offered. Cancelling the
        future takes the event back. When the subscription is closed the event is lost.
        """
        placed = asyncio.get_running_loop().create_future()
        self._blocked[placed] = event
        self._room = 0
        placed.add_done_callback(self._withdraw)
        return placed

    def take_back(self, event: Event) -> None:
        """Remove an event whose publisher has given up, unless it was read already."""
        line = self._lines.get(event.priority, deque())
        for place, waiting in enumerate(line):
            if waiting is event:
                del line[place]
                self._let_in_soon()
                self._settle_in()
                return

    def close(self) -> None:
        """Take no more events; those that wait can still be read."""
        self._closed = True
        self._room = 0
        while self._readers:
            _resolve(self._readers.popleft())
        blocked, self._blocked = self._blocked, {}
        for placed, event in blocked.items():
            if not placed.done():
                placed.set_result(None)
                self._drop(event)

    # -- the subscriber ----------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT_co:
        while (event := self.take()) is None:
            if self._closed:
                raise StopAsyncIteration
            await self.wait()
        found: EventT_co = event
        return found

    def take(self) -> Any:
        """Remove and return the first event, or return None if there is none."""
        if self._room:
            return self._line.popleft() if self._line else None
        return self._take_first()

    async def wait(self) -> None:
        """Wait until there may be an event, or the end."""
        reader = asyncio.get_running_loop().create_future()
        self._readers.append(reader)
        for waiter in self._parked:
            _resolve(waiter)
        self._parked.clear()
        try:
            await reader
        except asyncio.CancelledError:
            if reader in self._readers:
                self._readers.remove(reader)
            elif len(self):
                self._wake_reader()  # the event was meant for this reader
            raise

    @property
    def idle(self) -> bool:
        """Whether nothing waits and the subscriber waits for more, or nothing will ever come."""
        return not (len(self) or self._blocked) and (bool(self._readers) or self._closed)

    async def parked(self) -> None:
        """Wait until the subscriber waits for events."""
        waiter = asyncio.get_running_loop().create_future()
        self._parked.append(waiter)
        await waiter

    # -- inside ------------------------------------------------------------------------------

    def _full(self) -> bool:
        return not self._closed and (len(self) >= self._size or bool(self._blocked))

    def _put(self, event: Event) -> None:
        if self._closed:
            return
        if len(self) >= self._size:
            if self._overflow is not Overflow.DROP_OLDEST:
                self._drop(event)
                return
            lowest = min(priority for priority, line in self._lines.items() if line)
            if event.priority < lowest:
                self._drop(event)
                return
            self._drop(self._lines[lowest].popleft())
        self._append(event)

    def _append(self, event: Event) -> None:
        line = self._lines.get(event.priority)
        if line is None:
            line = self._lines[event.priority] = deque()
        line.append(event)
        self._settle_in()
        if self._readers:
            self._wake_reader()

    def _take_first(self) -> Event | None:
        waiting = [priority for priority, line in self._lines.items() if line]
        if not waiting:
            return None
        event = self._lines[max(waiting)].popleft()
        self._let_in_soon()
        self._settle_in()
        return event

    def _let_in_soon(self) -> None:
        """Let blocked publishers in, all that have place, and none that has just given up."""
        if self._blocked and not self._letting_in:
            self._letting_in = True
            asyncio.get_running_loop().call_soon(self._let_in)

    def _let_in(self) -> None:
        self._letting_in = False
        while self._blocked and len(self) < self._size:
            placed = next(iter(self._blocked))
            event = self._blocked.pop(placed)
            if not placed.done():
                placed.set_result(None)
                self._append(event)
        self._settle_in()

    def _withdraw(self, placed: asyncio.Future[None]) -> None:
        """Forget an event whose publisher has given up."""
        if self._blocked.pop(placed, None) is not None:
            self._settle_in()

    def _settle_in(self) -> None:
        """See whether the quick way is open: one priority, nobody blocked, not closed."""
        waiting = [priority for priority, line in self._lines.items() if line]
        if len(waiting) == 1:
            self._priority = waiting[0]
            self._line = self._lines[self._priority]
        alone = len(waiting) <= 1 and not self._blocked and not self._closed
        self._room = self._size if alone else 0

    def _drop(self, event: Event) -> None:
        self.dropped += 1
        if self._lost is not None:
            self._lost(event)

    def _wake_reader(self) -> None:
        while self._readers:
            reader = self._readers.popleft()
            if not reader.done():
                reader.set_result(None)
                return


async def put_into_all(subscriptions: Iterable[Subscription[Any]], event: Event) -> None:
    """Wait until subscriptions that were full have each found a place for the event.

    It queues with all of them at once: with one after the other, later events could overtake. If
    the publisher gives up, those who have not read the event never will.
    """
    waits = {subscription.wait_to_put(event): subscription for subscription in subscriptions}
    try:
        await asyncio.gather(*waits)
    except asyncio.CancelledError:
        for placed, subscription in waits.items():
            if not placed.cancelled():
                subscription.take_back(event)
        raise


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
