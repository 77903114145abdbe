"""The EventBus: how modules hear of each other without knowing each other."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, overload

import structlog

from xy_core.core.config import BusConfig
from xy_core.core.errors import BusError
from xy_core.core.replies import Responder, Responders, being_cancelled, cancel_all
from xy_core.core.routing import Router, TopicCounts, topic_of
from xy_core.core.subscription import Overflow, Subscription, put_into_all
from xy_core.core.task import TaskPriority
from xy_core.core.turns import Turns, give_way

log = structlog.get_logger("bus")

ReplyT = TypeVar("ReplyT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events: subclass it as a frozen dataclass and name its topic.

    Attributes:
        topic: dotted name; subscribers match it with ``*`` wildcards.
        priority: urgent events overtake others in each subscriber's queue.
    """

    topic: ClassVar[str] = "event"
    priority: ClassVar[TaskPriority] = TaskPriority.MEDIUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Event, Generic[ReplyT]):
    """Base of events that ask for an answer: ``class Weather(Request[str])``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerFailed(Event):
    """A subscriber's handler raised; the other subscribers are not affected."""

    topic: ClassVar[str] = "bus.handler_failed"
    subscriber: str
    event_topic: str
    error: str


EventT = TypeVar("EventT", bound=Event)


class EventBus:
    """Carries typed events from publishers to subscribers, and requests to responders.

    Each subscriber has its own bounded queue, so that a slow or failing one cannot hurt others.
    Subscribe to a class for its events and those of its subclasses, or to a pattern of topics,
    matched as in a shell: ``emotion.*`` is everything below ``emotion``. All methods belong to the
    event loop's thread.
    """

    def __init__(self, config: BusConfig | None = None) -> None:
        self._config = config or BusConfig()
        self._router = Router()
        self._responders = Responders()
        self._handlers: dict[asyncio.Task[None], Subscription[Event]] = {}
        self._turns = Turns()
        self._closed = False

    # -- publish and subscribe ---------------------------------------------------------------

    async def publish(self, event: Event) -> None:
        """Give the event to every subscriber; waits only for full queues of BLOCK subscribers."""
        route = self._router.route(type(event))
        route.counts.published += 1
        full = [sub for sub in route.subscriptions if not sub.offer(event)]
        if full:
            await put_into_all(full, event)

    def publish_nowait(self, event: Event) -> None:
        """Give the event to every subscriber without waiting; BLOCK subscribers may lose it."""
        route = self._router.route(type(event))
        route.counts.published += 1
        for subscription in route.subscriptions:
            subscription.put_nowait(event)

    @overload
    def subscribe(
        self,
        topic: type[EventT],
        *,
        name: str = "",
        queue_size: int | None = None,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> AbstractAsyncContextManager[Subscription[EventT]]: ...

    @overload
    def subscribe(
        self,
        topic: str,
        *,
        name: str = "",
        queue_size: int | None = None,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> AbstractAsyncContextManager[Subscription[Event]]: ...

    @asynccontextmanager
    async def subscribe(
        self,
        topic: str | type[Event],
        *,
        name: str = "",
        queue_size: int | None = None,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> AsyncIterator[Subscription[Any]]:
        """Receive events as an async iterator, for the length of the ``async with`` block.

        Args:
            topic: an event class, or a pattern (``emotion.*``).
            name: for logs; the pattern if not given.
            queue_size: how many events may wait; the configured size if not given.
            overflow: what happens to more.

        Raises:
            BusError: the bus was closed.
        """
        subscription = self._add(topic, name, queue_size, overflow)
        try:
            yield subscription
        finally:
            self._router.remove(subscription)

    @overload
    def on(
        self,
        topic: type[EventT],
        handler: Callable[[EventT], Awaitable[None]],
        *,
        name: str = "",
        queue_size: int | None = None,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> Callable[[], None]: ...

    @overload
    def on(
        self,
        topic: str,
        handler: Callable[[Any], Awaitable[None]],
        *,
        name: str = "",
        queue_size: int | None = None,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> Callable[[], None]: ...

    def on(
        self,
        topic: str | type[Event],
        handler: Callable[[Any], Awaitable[None]],
        *,
        name: str = "",
        queue_size: int | None = None,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> Callable[[], None]:
        """Call a coroutine function for each event, one after the other; returns "unsubscribe".

        An error of the handler is logged and published as `HandlerFailed`. Takes what `subscribe`
        takes.

        Raises:
            BusError: the bus was closed.
        """
        name = name or getattr(handler, "__qualname__", "handler")
        subscription = self._add(topic, name, queue_size, overflow)
        task = asyncio.get_running_loop().create_task(
            self._handle(subscription, handler), name=f"bus:{name}"
        )
        self._handlers[task] = subscription
        task.add_done_callback(self._handlers.pop)
        return functools.partial(self._router.remove, subscription)

    # -- request and reply -------------------------------------------------------------------

    @overload
    def respond(
        self, topic: type[Request[ReplyT]], responder: Callable[[Any], Awaitable[ReplyT]]
    ) -> Callable[[], None]: ...

    @overload
    def respond(self, topic: str | type[Event], responder: Responder) -> Callable[[], None]: ...

    def respond(self, topic: str | type[Event], responder: Responder) -> Callable[[], None]:
        """Answer requests on a topic with what the coroutine function returns; returns "stop"."""
        return self._responders.add(topic_of(topic), responder)

    @overload
    async def request(
        self,
        event: Request[ReplyT],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> ReplyT: ...

    @overload
    async def request(self, event: Event, *, timeout: float | None = None) -> Any: ...  # noqa: ASYNC109

    async def request(self, event: Event, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """Return the first answer; if several respond, the others are cancelled.

        Args:
            event: the request.
            timeout: seconds to wait; the configured time if not given.

        Raises:
            NoResponder: nobody answers on the topic.
            RequestTimeout: no answer came in time.
            Exception: what the responder raised, if all of them failed.
        """
        return await self._responders.first(event, self._seconds(timeout))

    async def request_all(self, event: Event, *, timeout: float | None = None) -> list[Any]:  # noqa: ASYNC109
        """Return all answers that came in time, in the order of the responders.

        Raises:
            NoResponder: nobody answers on the topic.
        """
        return await self._responders.all(event, self._seconds(timeout))

    # -- life --------------------------------------------------------------------------------

    def statistics(self) -> Mapping[str, TopicCounts]:
        """Return what became of events, by the first word of their topics."""
        return self._router.counts

    async def drain(self) -> None:
        """Wait until no handler has anything left to do, what they publish meanwhile included."""
        while busy := [entry for entry in self._handlers.values() if not entry.idle]:
            await busy[0].parked()

    async def close(self, drain: float = 1.0) -> None:
        """Let handlers work off what waits, for up to `drain` seconds, then stop everything."""
        try:
            async with asyncio.timeout(drain):
                await self.drain()
        except TimeoutError:
            log.warning("handlers were stopped before they had handled all events")
        self._closed = True
        self._router.clear()
        self._responders.clear()
        await cancel_all(list(self._handlers))

    # -- inside ------------------------------------------------------------------------------

    def _seconds(self, timeout: float | None) -> float:
        return self._config.request_timeout if timeout is None else timeout

    def _add(
        self, topic: str | type[Event], name: str, size: int | None, overflow: Overflow
    ) -> Subscription[Event]:
        if self._closed:
            raise BusError("the event bus was closed: subscribe while the program runs")
        return self._router.add(topic, name, size or self._config.queue_size, overflow)

    async def _handle(
        self, subscription: Subscription[Event], handler: Callable[[Any], Awaitable[None]]
    ) -> None:
        take, over = subscription.take, self._turns.over
        while True:
            event = take()
            if event is None:
                if subscription.closed:
                    return
                await subscription.wait()
                continue
            try:
                await handler(event)
            except (Exception, asyncio.CancelledError) as error:
                if being_cancelled():
                    raise
                self._report(subscription, event, error)
            if over():
                await give_way()

    def _report(
        self, subscription: Subscription[Event], event: Event, error: BaseException
    ) -> None:
        self._router.count(event.topic).failed += 1
        log.warning("handler failed", subscriber=subscription.name, error=repr(error))
        if not isinstance(event, HandlerFailed):
            self.publish_nowait(
                HandlerFailed(
                    subscriber=subscription.name, event_topic=event.topic, error=repr(error)
                )
            )
