"""When the request came in that the running code serves; its tasks count as waiting since then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

arrived: ContextVar[float | None] = ContextVar("xy_core_arrived", default=None)
"""Loop time; None where nothing was said."""

_MOMENT = 0.05
"""Seconds within which the queue counts two arrivals as simultaneous (its ``RANK_STEP``)."""


def inherited(now: float) -> float | None:
    """Return since when a task that is submitted now counts as waiting, if its request says so.

    The later steps of a request go before the first steps of others that came in its moment;
    else a burst would do all its first steps, then all its second ones, and end as one.

    Args:
        now: loop time.
    """
    since = arrived.get()
    if since is None or now < since + _MOMENT:
        return since
    return since - _MOMENT


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
