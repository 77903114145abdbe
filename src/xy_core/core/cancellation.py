"""Co-operative cancellation for work that runs on threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from xy_core.core.errors import TaskCancelled


class CancelToken:
    """Tells a thread that nobody wants its result any more.

    Attributes:
        cancelled: whether the work was asked to end.
    """

    __slots__ = ("_wakers", "cancelled")

    def __init__(self) -> None:
        self.cancelled = False
        self._wakers: list[Callable[[], object]] = []

    def cancel(self) -> None:
        """Ask the work to end; harmless when it already has."""
        self.cancelled = True
        for wake in tuple(self._wakers):
            wake()

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """Inside the block, call `wake` when the token is cancelled, or at once if it is.

        For code that waits for something else and cannot look at the token. `wake` must not
        block: it may be called on the event loop, and more than once.
        """
        self._wakers.append(wake)
        try:
            if self.cancelled:
                wake()
            yield
        finally:
            self._wakers.remove(wake)


current_token: ContextVar[CancelToken | None] = ContextVar("xy_core_cancel_token", default=None)


def checkpoint() -> None:
    """End here if the task that runs this code was cancelled.

    Long functions on threads call it between steps; outside of a task it does nothing.

    Raises:
        TaskCancelled: the task was cancelled, timed out or was preempted.
    """
    token = current_token.get()
    if token is not None and token.cancelled:
        raise TaskCancelled("the task was cancelled at a checkpoint")
