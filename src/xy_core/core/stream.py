"""Tasks that yield items while they run: tokens, chunks of audio, steps of an image."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, closing
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.compute import give_way
from xy_core.core.errors import InvalidTaskError, TaskCancelled
from xy_core.core.functions import is_coroutine_function
from xy_core.core.job import TaskHandle
from xy_core.core.task import TaskInfo

T = TypeVar("T")


class TaskStream(AsyncIterator[T], Generic[T]):
    """The items of a stream task, in order, as they come.

    The producer waits while the buffer is full (backpressure). An error of the task is raised
    after the items that came before it. `aclose`, or leaving ``async with``, cancels the task and
    waits until its slot is free; dropping the last reference cancels it too.
    """

    def __init__(self, channel: Channel, handle: TaskHandle[None]) -> None:
        self._channel = channel
        self._handle = handle

    @property
    def info(self) -> TaskInfo:
        """The task's record."""
        return self._handle.info

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        item = await self._channel.take()
        if item is _END:
            await self._handle
            raise StopAsyncIteration
        result: T = item
        return result

    async def aclose(self) -> None:
        """Cancel the task if it runs, and wait until its slot is free."""
        self._handle.cancel("its stream was closed")
        await self._handle.released()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not self._handle.done():
            self._channel.abandon(self._handle)


_END: Any = object()


class Channel:
    """A bounded buffer from a producer, on the loop or on a thread, to one consumer on the loop.

    Attributes:
        delivered: how many items were put in.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int) -> None:
        self._loop = loop
        self._items: deque[Any] = deque()
        self._size = size
        self._ended = False
        self._space = threading.Condition()
        self._consumer: asyncio.Future[None] | None = None
        self._producer: asyncio.Future[None] | None = None
        self._reserved = 0
        self.delivered = 0

    async def take(self) -> Any:
        """Return the next item, or the end marker."""
        while not self._items:
            if self._ended:
                return _END
            self._consumer = self._loop.create_future()
            await self._consumer
        item = self._items.popleft()
        with self._space:
            self._reserved -= 1
            self._space.notify()
        _resolve(self._producer)
        return item

    async def put(self, item: Any) -> None:
        """Add an item from the loop; wait while the buffer is full."""
        while self._reserved >= self._size:
            self._producer = self._loop.create_future()
            await self._producer
        self._reserved += 1
        self._deliver(item)

    def put_from_thread(self, item: Any) -> None:
        """Add an item from a thread; block while the buffer is full, or to give way.

        Raises:
            TaskCancelled: the consumer has gone.
        """
        give_way()
        token = current_token.get()
        with self._space:
            self._space.wait_for(lambda: self._reserved < self._size or _gone(token))
            if _gone(token):
                raise TaskCancelled("the stream's consumer has gone")
            self._reserved += 1
        self._loop.call_soon_threadsafe(self._deliver, item)

    def end(self) -> None:
        """Let the consumer see the end after the last item, and a blocked producer its token."""
        self._ended = True
        _resolve(self._consumer)
        with self._space:
            self._space.notify_all()

    def abandon(self, handle: TaskHandle[None]) -> None:
        """Cancel the task of a stream that was dropped, from whichever thread drops it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(handle.cancel, "its stream was dropped")

    def _deliver(self, item: Any) -> None:
        self.delivered += 1
        self._items.append(item)
        _resolve(self._consumer)


def producer(fn: Callable[..., Any], channel: Channel) -> Callable[..., Any]:
    """Return a function that runs `fn` and puts what it yields into the channel.

    `fn` is an async generator function, a generator function, or a plain function that takes
    ``emit`` as its first argument. What is returned bears its name, for errors and logs.

    Raises:
        InvalidTaskError: `fn` is a coroutine function, which yields nothing.
    """
    if is_coroutine_function(fn):
        name = getattr(fn, "__qualname__", repr(fn))
        raise InvalidTaskError(f"{name} is a coroutine function without a yield: submit it instead")
    if inspect.isasyncgenfunction(fn):

        @functools.wraps(fn)
        async def produce_on_loop(*args: Any, **kwargs: Any) -> None:
            async with aclosing(fn(*args, **kwargs)) as items:
                async for item in items:
                    await channel.put(item)

        return produce_on_loop
    if inspect.isgeneratorfunction(fn):

        @functools.wraps(fn)
        def produce_on_thread(*args: Any, **kwargs: Any) -> None:
            with closing(fn(*args, **kwargs)) as items:
                for item in items:
                    channel.put_from_thread(item)

        return produce_on_thread

    @functools.wraps(fn)
    def emit_on_thread(*args: Any, **kwargs: Any) -> None:
        fn(channel.put_from_thread, *args, **kwargs)

    return emit_on_thread


def _gone(token: CancelToken | None) -> bool:
    return token is not None and token.cancelled


def _resolve(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
