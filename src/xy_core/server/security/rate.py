"""How often somebody may ask: a token bucket for each key or address."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_REMEMBERED = 10_000
"""Callers of whom a bucket is kept; the one who has been quiet the longest is forgotten first."""


class RateLimit:
    """Lets each caller have a minute's worth at once, and then as many as come back in time."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Count a request; returns the seconds to wait instead if there are too many."""
        missing = self.wait(caller)
        if missing == 0:
            left, now = self._buckets[caller]
            self._buckets[caller] = (left - 1, now)
        return missing

    def wait(self, caller: str) -> float:
        """Return the seconds until the next request may come; counts nothing."""
        now = self._clock()
        left, then = self._buckets.pop(caller, (self._size, now))
        left = min(self._size, left + (now - then) * self._per_second)
        self._buckets[caller] = (left, now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return max(0.0, (1 - left) / self._per_second)
