"""What runs on the other node: one backend, and the calls to it."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.errors import TaskCancelled

_WINDOW = 32
"""Items that may wait for the consumer."""
_POLL = 0.1
_END = object()


class Guest:
    """Holds a backend in an actor; made anew, and loaded, when its node dies."""

    def __init__(
        self, kind: Callable[..., Any], args: tuple[Any, ...], load: tuple[Any, ...]
    ) -> None:
        self._tokens: dict[str, CancelToken] = {}
        self._backend = kind(*args)
        self._backend.load(*load)

    def ready(self) -> bool:
        """Answer: the backend is there."""
        return True

    def call(self, method: str, number: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        """Call a method and return its result."""
        current_token.set(self._token(number))
        try:
            return getattr(self._backend, method)(*args, **kwargs)
        finally:
            self._tokens.pop(number, None)

    def stream(
        self, method: str, number: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterator[Any]:
        """Call a generator method and yield its items."""
        token = self._token(number)
        current_token.set(token)
        try:
            for item in getattr(self._backend, method)(*args, **kwargs):
                yield item
                if token.cancelled:
                    return
        finally:
            self._tokens.pop(number, None)

    def emitted(
        self, method: str, number: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterator[Any]:
        """Call a method that hands its items over, and yield them."""
        token = self._token(number)
        current_token.set(token)
        items: queue.Queue[Any] = queue.Queue(_WINDOW)
        failed: list[BaseException] = []

        def emit(item: object) -> None:
            while not token.cancelled:
                try:
                    items.put(item, timeout=_POLL)
                except queue.Full:
                    continue
                return
            raise TaskCancelled("nobody listens any more")

        def work() -> None:
            try:
                getattr(self._backend, method)(emit, *args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - raised where it is awaited
                failed.append(error)
            while not token.cancelled:
                with contextlib.suppress(queue.Full):
                    items.put(_END, timeout=_POLL)
                    return

        thread = threading.Thread(
            target=contextvars.copy_context().run, args=(work,), name=f"xy-{method}", daemon=True
        )
        thread.start()
        try:
            yield from self._until_end(items, token)
            if failed and not token.cancelled:
                raise failed[0]
        finally:
            token.cancel()
            self._tokens.pop(number, None)

    def cancel(self, number: str) -> None:
        """Ask a call to end; harmless if it has."""
        token = self._tokens.get(number)
        if token is not None:
            token.cancel()

    def close(self) -> None:
        """Free what the backend holds."""
        self._backend.close()

    @staticmethod
    def _until_end(items: queue.Queue[Any], token: CancelToken) -> Iterator[Any]:
        while not token.cancelled:
            try:
                item = items.get(timeout=_POLL)
            except queue.Empty:
                continue
            if item is _END:
                return
            yield item

    def _token(self, number: str) -> CancelToken:
        return self._tokens.setdefault(number, CancelToken())
