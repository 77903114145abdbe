"""When the request came in that the running code serves; its tasks count as waiting since then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

arrived: ContextVar[float | None] = ContextVar("xy_core_arrived", default=None)
"""Loop time; None where nothing was said."""


@contextmanager
def serving(since: float) -> Iterator[None]:
    """Let all tasks submitted in the block, and in tasks begun there, be as old as a request.

    A request of several steps then ends before a later one of the same urgency takes its place:
    without it each step queues anew, behind the first steps of everybody else.

    Args:
        since: loop time at which the request came in. A task's own `since` goes before it.
    """
    token = arrived.set(since)
    try:
        yield
    finally:
        arrived.reset(token)
