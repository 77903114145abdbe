"""Ways to carry events to asynchronous handlers, each measured in events per second."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar

from xy_core.core.events import Event, EventBus
from xy_core.core.subscription import Overflow

Contender = Callable[[int, int], Coroutine[Any, Any, float]]
"""Carries that many events to that many subscribers; returns events a second."""

_BURST = 100
"""Events that are published before the subscribers get to run."""
_BUBUS_BURST = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Event):
    """What is carried."""

    topic: ClassVar[str] = "bench.tick"
    number: int


class Audience:
    """The handlers of all subscribers: they count, and say when everything has arrived."""

    def __init__(self, events: int, subscribers: int) -> None:
        self._missing = events * subscribers
        self._complete = asyncio.Event()
        self._handlers = 0

    def handler(self) -> Callable[[object], Awaitable[None]]:
        """Return the handler of one more subscriber; some buses tell them apart by their names."""

        async def handle(_event: object) -> None:
            self._missing -= 1
            if not self._missing:
                self._complete.set()

        self._handlers += 1
        handle.__name__ = f"handle_{self._handlers}"
        return handle

    async def complete(self) -> None:
        """Wait until every event has reached every subscriber."""
        await self._complete.wait()


async def xy_core(events: int, subscribers: int) -> float:
    """The EventBus, with bounded queues that lose nothing."""
    bus, audience = EventBus(), Audience(events, subscribers)
    for _ in range(subscribers):
        bus.on(Tick, audience.handler(), overflow=Overflow.BLOCK)
    begun = time.perf_counter()
    for number in range(events):
        await bus.publish(Tick(number=number))
        if number % _BURST == 0:
            await asyncio.sleep(0)
    await audience.complete()
    rate = events / (time.perf_counter() - begun)
    await bus.close()
    return rate


async def queues(events: int, subscribers: int) -> float:
    """A bare `asyncio.Queue` and a consumer for each subscriber; nothing is bounded."""
    audience = Audience(events, subscribers)
    fan_out: list[asyncio.Queue[Tick]] = [asyncio.Queue() for _ in range(subscribers)]

    async def consume(queue: asyncio.Queue[Tick]) -> None:
        handle = audience.handler()
        while True:
            await handle(await queue.get())

    tasks = [asyncio.create_task(consume(queue)) for queue in fan_out]
    begun = time.perf_counter()
    for number in range(events):
        event = Tick(number=number)
        for queue in fan_out:
            queue.put_nowait(event)
        if number % _BURST == 0:
            await asyncio.sleep(0)
    await audience.complete()
    rate = events / (time.perf_counter() - begun)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return rate


async def pyee(events: int, subscribers: int) -> float:
    """The emitter of pyee for asyncio: no queues; each call of a handler is a task of its own."""
    from pyee.asyncio import AsyncIOEventEmitter  # noqa: PLC0415 - a peer, not a dependency

    emitter, audience = AsyncIOEventEmitter(), Audience(events, subscribers)
    for _ in range(subscribers):
        emitter.add_listener(Tick.topic, audience.handler())
    begun = time.perf_counter()
    for number in range(events):
        emitter.emit(Tick.topic, Tick(number=number))
        if number % _BURST == 0:
            await asyncio.sleep(0)
    await audience.complete()
    return events / (time.perf_counter() - begun)


async def bubus(events: int, subscribers: int) -> float:
    """Bubus: one queue for the bus, handlers one after the other, events kept as pydantic models.

    It refuses more than a hundred unfinished events, so the publisher waits after each few.
    """
    os.environ.setdefault("BUBUS_LOGGING_LEVEL", "ERROR")
    import bubus as bubus_  # noqa: PLC0415 - a peer, not a dependency

    logging.getLogger("bubus").setLevel(logging.ERROR)
    kind: Any = type(
        "Tick",
        (bubus_.BaseEvent,),
        {"__annotations__": {"number": "int"}, "__module__": __name__},
    )
    bus, audience = bubus_.EventBus(), Audience(events, subscribers)
    for _ in range(subscribers):
        bus.on(kind, audience.handler())
    begun = time.perf_counter()
    for number in range(events):
        last = bus.dispatch(kind(number=number))
        if number % _BUBUS_BURST == 0:
            await last
    await audience.complete()
    rate = events / (time.perf_counter() - begun)
    await bus.stop()
    return rate


_OPTIONAL: dict[str, tuple[Contender, float]] = {"pyee": (pyee, 0.2), "bubus": (bubus, 0.005)}


def available() -> dict[str, tuple[Contender, float]]:
    """Return the contenders that can run here, with the share of the events that each gets.

    The slow ones get fewer, so that a round stays short.
    """
    installed = {
        name: entry
        for name, entry in _OPTIONAL.items()
        if importlib.util.find_spec(name) is not None
    }
    return {"xy_core": (xy_core, 1.0), "queues": (queues, 1.0), **installed}
