"""The EventBus: how modules hear of each other without knowing each other."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar, TypeVar

import structlog

from xy_core.core.config import BusConfig
from xy_core.core.errors import BusError, NoResponder, RequestTimeout
from xy_core.core.subscription import Overflow, Subscription
from xy_core.core.task import TaskPriority

log = structlog.get_logger("bus")

_ROUTES = 4_096
"""Topics whose subscribers are remembered; made-up topics must not fill the memory."""


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
class HandlerFailed(Event):
    """A subscriber's handler raised; the other subscribers are not affected."""

    topic: ClassVar[str] = "bus.handler_failed"
    subscriber: str
    event_topic: str
    error: str


EventT = TypeVar("EventT", bound=Event)
Handler = Callable[[Any], Awaitable[None]]
Responder = Callable[[Any], Awaitable[Any]]


class EventBus:
    """Carries typed events from publishers to subscribers, and requests to responders.

    Each subscriber has its own bounded queue, so that a slow or failing one cannot hurt others.
    Topics are matched as in a shell: ``emotion.*`` is everything below ``emotion``. All methods
    belong to the event loop's thread.
    """

    def __init__(self, config: BusConfig | None = None) -> None:
        self._config = config or BusConfig()
        self._subscriptions: list[tuple[str, Subscription]] = []
        self._routes: dict[str, tuple[Subscription, ...]] = {}
        self._responders: dict[str, list[Responder]] = {}
        self._handlers: dict[asyncio.Task[None], Subscription] = {}

    # -- publish and subscribe ---------------------------------------------------------------

    async def publish(self, event: Event) -> None:
        """Give the event to every subscriber; waits only for full queues of BLOCK subscribers."""
        route = self._route(event.topic)
        full = [subscription for subscription in route if not subscription.offer(event)]
        for subscription in full:
            await subscription.put(event)

    def publish_nowait(self, event: Event) -> None:
        """Give the event to every subscriber without waiting; BLOCK subscribers may lose it."""
        for subscription in self._route(event.topic):
            subscription.put_nowait(event)

    @asynccontextmanager
    async def subscribe(
        self,
        topic: str | type[Event],
        *,
        name: str = "",
        queue_size: int | None = None,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> AsyncIterator[Subscription]:
        """Receive events as an async iterator, for the length of the ``async with`` block.

        Args:
            topic: a pattern (``emotion.*``) or an event class.
            name: for logs; the pattern if not given.
            queue_size: how many events may wait; the configured size if not given.
            overflow: what happens to more.
        """
        subscription = self._add(topic, name, queue_size, overflow)
        try:
            yield subscription
        finally:
            self._remove(subscription)

    def on(
        self,
        topic: str | type[Event],
        handler: Handler,
        *,
        name: str = "",
        queue_size: int | None = None,
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> Callable[[], None]:
        """Call a coroutine function for each event, one after the other; returns "unsubscribe".

        An error of the handler is logged and published as `HandlerFailed`.
        """
        name = name or getattr(handler, "__qualname__", "handler")
        subscription = self._add(topic, name, queue_size, overflow)
        task = asyncio.get_running_loop().create_task(
            self._handle(subscription, handler), name=f"bus:{name}"
        )
        self._handlers[task] = subscription
        task.add_done_callback(self._handlers.pop)
        return functools.partial(self._remove, subscription)

    # -- request and reply -------------------------------------------------------------------

    def respond(self, topic: str | type[Event], responder: Responder) -> Callable[[], None]:
        """Answer requests on a topic with what the coroutine function returns; returns "stop"."""
        responders = self._responders.setdefault(_topic(topic), [])
        responders.append(responder)
        return functools.partial(_discard, responders, responder)

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
        tasks = self._ask(event)
        try:
            async with asyncio.timeout(self._seconds(timeout)) as limit:
                failure: BaseException = BusError(f"no answer to {event.topic!r}")
                for next_done in asyncio.as_completed(tasks):
                    try:
                        return await next_done
                    except asyncio.CancelledError as error:
                        if _being_cancelled():
                            raise
                        failure = BusError(f"the responder to {event.topic!r} was cancelled")
                        failure.__cause__ = error
                    except Exception as error:  # noqa: BLE001 - the next responder may do better
                        failure = error
                raise failure
        except TimeoutError as error:
            if not limit.expired():
                raise  # it is the responder's own
            raise RequestTimeout(f"nobody answered {event.topic!r} in time") from error
        finally:
            await _cancel(tasks)

    async def request_all(self, event: Event, *, timeout: float | None = None) -> list[Any]:  # noqa: ASYNC109
        """Return all answers that came in time, in the order of the responders.

        Raises:
            NoResponder: nobody answers on the topic.
        """
        tasks = self._ask(event)
        try:
            await asyncio.wait(tasks, timeout=self._seconds(timeout))
            return [task.result() for task in tasks if _succeeded(task)]
        finally:
            await _cancel(tasks)

    # -- life --------------------------------------------------------------------------------

    async def close(self, drain: float = 1.0) -> None:
        """Let handlers work off what waits, for up to `drain` seconds, then stop them."""
        for _, subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()
        self._routes.clear()
        self._responders.clear()
        tasks = list(self._handlers)
        if tasks:
            await asyncio.wait(tasks, timeout=drain)
            await _cancel(tasks)

    # -- inside ------------------------------------------------------------------------------

    def _seconds(self, timeout: float | None) -> float:
        return self._config.request_timeout if timeout is None else timeout

    def _route(self, topic: str) -> tuple[Subscription, ...]:
        route = self._routes.get(topic)
        if route is None:
            if len(self._routes) >= _ROUTES:
                self._routes.clear()
            route = self._routes[topic] = tuple(
                subscription
                for pattern, subscription in self._subscriptions
                if fnmatchcase(topic, pattern)
            )
        return route

    def _add(
        self, topic: str | type[Event], name: str, size: int | None, overflow: Overflow
    ) -> Subscription:
        pattern = _topic(topic)
        subscription = Subscription(name or pattern, size or self._config.queue_size, overflow)
        self._subscriptions.append((pattern, subscription))
        self._routes.clear()
        return subscription

    def _remove(self, subscription: Subscription) -> None:
        subscription.close()
        self._subscriptions = [
            entry for entry in self._subscriptions if entry[1] is not subscription
        ]
        self._routes.clear()

    async def _handle(self, subscription: Subscription, handler: Handler) -> None:
        async for event in subscription:
            try:
                await handler(event)
            except (Exception, asyncio.CancelledError) as error:
                if _being_cancelled():
                    raise
                log.warning("handler failed", subscriber=subscription.name, error=repr(error))
                if not isinstance(event, HandlerFailed):
                    self.publish_nowait(
                        HandlerFailed(
                            subscriber=subscription.name,
                            event_topic=event.topic,
                            error=repr(error),
                        )
                    )

    def _ask(self, event: Event) -> list[asyncio.Task[Any]]:
        responders = self._responders.get(event.topic)
        if not responders:
            raise NoResponder(f"nobody answers {event.topic!r}: is the module loaded?")
        return [asyncio.ensure_future(responder(event)) for responder in responders]


def _topic(topic: str | type[Event]) -> str:
    return topic if isinstance(topic, str) else topic.topic


def _being_cancelled() -> bool:
    """Whether a CancelledError is meant for the running task, not a leak of another's."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _succeeded(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _discard(responders: list[Responder], responder: Responder) -> None:
    if responder in responders:
        responders.remove(responder)


async def _cancel(tasks: list[asyncio.Task[Any]] | list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
