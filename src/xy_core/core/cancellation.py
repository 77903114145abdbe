"""Co-operative cancellation for work that runs on threads."""

from __future__ import annotations

import threading
from contextvars import ContextVar

from xy_core.core.errors import TaskCancelled


class CancelToken:
    """Tells a thread that nobody wants its result any more."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to end; harmless when it already has."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether the work was asked to end."""
        return self._event.is_set()


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
