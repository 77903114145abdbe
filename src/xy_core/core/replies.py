"""Requests and replies: who answers what, and whose answer counts."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from xy_core.core.errors import BusError, NoResponder, RequestTimeout

if TYPE_CHECKING:
    from xy_core.core.events import Event

Responder = Callable[[Any], Awaitable[Any]]


class Responders:
    """Those who answer requests, by topic."""

    def __init__(self) -> None:
        self._by_topic: dict[str, list[Responder]] = {}

    def add(self, topic: str, responder: Responder) -> Callable[[], None]:
        """Let a coroutine function answer requests on a topic; returns "stop"."""
        self._by_topic.setdefault(topic, []).append(responder)
        return functools.partial(self._remove, topic, responder)

    def clear(self) -> None:
        """Forget all; requests that wait for an answer still get it."""
        self._by_topic.clear()

    async def first(self, event: Event, seconds: float) -> Any:
        """Return the first answer; the other responders are cancelled.

        Raises:
            NoResponder: nobody answers on the topic.
            RequestTimeout: no answer came in time.
            Exception: what the responder raised that failed last, if all of them failed.
        """
        tasks = self._ask(event)
        try:
            async with asyncio.timeout(seconds) as limit:
                failure: BaseException = BusError(f"no answer to {event.topic!r}")
                for next_done in asyncio.as_completed(tasks):
                    try:
                        return await next_done
                    except asyncio.CancelledError as error:
                        if being_cancelled():
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
            await cancel_all(tasks)

    async def all(self, event: Event, seconds: float) -> list[Any]:
        """Return all answers that come in time, in the order of the responders.

        Raises:
            NoResponder: nobody answers on the topic.
        """
        tasks = self._ask(event)
        try:
            await asyncio.wait(tasks, timeout=seconds)
            return [task.result() for task in tasks if _succeeded(task)]
        finally:
            await cancel_all(tasks)

    def _ask(self, event: Event) -> list[asyncio.Task[Any]]:
        responders = self._by_topic.get(event.topic)
        if not responders:
            raise NoResponder(f"nobody answers {event.topic!r}: is the module loaded?")
        return [asyncio.create_task(_answer(responder, event)) for responder in responders]

    def _remove(self, topic: str, responder: Responder) -> None:
        responders = self._by_topic.get(topic, [])
        if responder in responders:
            responders.remove(responder)
        if not responders:
            self._by_topic.pop(topic, None)


async def _answer(responder: Responder, event: Event) -> Any:
    """Ask from inside a task: a responder that is no coroutine function may raise at once."""
    return await responder(event)


def being_cancelled() -> bool:
    """Whether a CancelledError is meant for the running task, not a leak of another's."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def cancel_all(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _succeeded(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
