"""Which subscribers an event goes to, and how many events of each kind there were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from xy_core.core.subscription import Overflow, Subscription

if TYPE_CHECKING:
    from xy_core.core.events import Event

_ROUTES = 4_096
"""Classes of events whose subscribers are remembered."""
_GROUPS = 256
"""Groups of topics that are counted by their names; more are counted together."""
_OTHERS = "other"


@dataclass(slots=True)
class TopicCounts:
    """What became of the events whose topics begin with the same word.

    Attributes:
        published: how many were published.
        dropped: how many were lost to one subscriber each.
        failed: how many times a handler failed on one.
    """

    published: int = 0
    dropped: int = 0
    failed: int = 0


class Route:
    """The way of one class of events.

    Attributes:
        subscriptions: where they go.
        counts: where they are counted.
    """

    __slots__ = ("counts", "subscriptions")

    def __init__(self, subscriptions: tuple[Subscription[Event], ...], counts: TopicCounts) -> None:
        self.subscriptions = subscriptions
        self.counts = counts


class Router:
    """The subscriptions of a bus, and the routes worked out from them.

    A route is worked out once for each class of events. Routes and counts are bounded: events of
    made-up topics must not fill the memory.

    Attributes:
        counts: by the first word of the topics.
    """

    def __init__(self) -> None:
        self.counts: dict[str, TopicCounts] = {}
        self._subscriptions: dict[Subscription[Event], str | type[Event]] = {}
        self._routes: dict[type[Event], Route] = {}

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[Subscription[Event]]:
        return iter(self._subscriptions)

    def add(
        self, topic: str | type[Event], name: str, size: int, overflow: Overflow
    ) -> Subscription[Event]:
        """Make a subscription to a pattern of topics, or to a class and its subclasses."""
        subscription: Subscription[Event] = Subscription(
            name or topic_of(topic), size, overflow, self._count_lost
        )
        self._subscriptions[subscription] = topic
        self._routes.clear()
        return subscription

    def remove(self, subscription: Subscription[Event]) -> None:
        """Close a subscription and forget it."""
        subscription.close()
        self._subscriptions.pop(subscription, None)
        self._routes.clear()

    def clear(self) -> None:
        """Close and forget all."""
        for subscription in list(self._subscriptions):
            self.remove(subscription)

    def route(self, kind: type[Event]) -> Route:
        """Return the way of a class of events."""
        route = self._routes.get(kind)
        if route is None:
            if len(self._routes) >= _ROUTES:
                self._routes.clear()
            found = (sub for sub, topic in self._subscriptions.items() if _matches(topic, kind))
            route = self._routes[kind] = Route(tuple(found), self.count(kind.topic))
        return route

    def count(self, topic: str) -> TopicCounts:
        """Return the counts of a topic's group."""
        group = topic.partition(".")[0]
        if group not in self.counts and len(self.counts) >= _GROUPS:
            group = _OTHERS
        return self.counts.setdefault(group, TopicCounts())

    def _count_lost(self, event: Event) -> None:
        self.count(event.topic).dropped += 1


def topic_of(topic: str | type[Event]) -> str:
    """Return the topic of an event class, or the pattern as it is."""
    return topic if isinstance(topic, str) else topic.topic


def _matches(topic: str | type[Event], kind: type[Event]) -> bool:
    if isinstance(topic, str):
        return fnmatchcase(kind.topic, topic)
    return issubclass(kind, topic)
