"""Quantiles of durations in constant memory and constant time."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass

_STEPS = 8
"""Sub-buckets to each power of two: a quantile is off by at most 1/16 of its value."""
_SMALLEST = -20
"""2**-20 s, about a microsecond; shorter counts as that."""
_LARGEST = 17
"""2**17 s, about a day and a half; longer counts as that."""
_OFFSET = (_SMALLEST + 1) * _STEPS
"""frexp gives a mantissa from 1/2 up, so the first sub-bucket of an exponent is number _STEPS."""
_BATCH = 1024
_FIRST_BOUND = -10
BOUNDS = tuple(2.0**exponent for exponent in range(_FIRST_BOUND, 8))
"""Seconds, from about a millisecond to two minutes, at which `Quantiles.at_most` counts: powers of
two, since there the counts are exact."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A summary of durations, in seconds.

    Attributes:
        count: how many were seen.
        p50: half were shorter.
        p95: 95 of 100 were shorter.
        p99: 99 of 100 were shorter.
        maximum: the longest, exact.
        total: their sum, in seconds.
        at_most: how many were shorter than each of `BOUNDS`; empty if there are none.
    """

    count: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    maximum: float = 0.0
    total: float = 0.0
    at_most: tuple[int, ...] = ()


class Histogram:
    """Counts durations in buckets of equal relative width (as HdrHistogram does).

    Durations are gathered and counted a batch at a time: noting one is on the path of every task.
    """

    __slots__ = ("_buckets", "_count", "_maximum", "_pending", "_total")

    def __init__(self) -> None:
        self._buckets = [0] * ((_LARGEST - _SMALLEST + 1) * _STEPS)
        self._pending: list[float] = []
        self._count = 0
        self._total = 0.0
        self._maximum = 0.0

    def observe(self, seconds: float) -> None:
        """Note one duration, in seconds; negative counts as zero."""
        pending = self._pending
        pending.append(seconds)
        if len(pending) == _BATCH:
            self._fold()

    @property
    def count(self) -> int:
        """How many durations were noted."""
        return self._count + len(self._pending)

    @property
    def total(self) -> float:
        """Their sum, in seconds."""
        self._fold()
        return self._total

    @property
    def maximum(self) -> float:
        """The longest, in seconds; exact."""
        self._fold()
        return self._maximum

    def quantile(self, share: float) -> float:
        """Return the duration, in seconds, that `share` (0 to 1) of all do not exceed."""
        self._fold()
        wanted = share * self._count
        seen = 0
        for index, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                exponent, step = divmod(index, _STEPS)
                middle = 0.5 + (step + 0.5) / (2 * _STEPS)
                return min(math.ldexp(middle, exponent + _SMALLEST), self._maximum)
        return 0.0

    def quantiles(self) -> Quantiles:
        """Return the usual summary."""
        if not self.count:
            return Quantiles()
        return Quantiles(
            self.count,
            self.quantile(0.50),
            self.quantile(0.95),
            self.quantile(0.99),
            self.maximum,
            self.total,
            self._at_most(),
        )

    def _at_most(self) -> tuple[int, ...]:
        counts = list(itertools.accumulate(self._buckets))
        first = (_FIRST_BOUND - _SMALLEST + 1) * _STEPS - 1
        return tuple(counts[first : first + _STEPS * len(BOUNDS) : _STEPS])

    def _fold(self) -> None:
        pending = self._pending
        if not pending:
            return
        positive = [seconds for seconds in pending if seconds > 0]
        self._count += len(pending)
        self._total += sum(positive)
        self._maximum = max(self._maximum, max(positive, default=0.0))
        self._buckets[0] += len(pending) - len(positive)
        places = [
            exponent * _STEPS + int(mantissa * 2 * _STEPS)
            for mantissa, exponent in map(math.frexp, positive)
        ]
        for place, count in Counter(places).items():
            index = min(max(place - _OFFSET, 0), len(self._buckets) - 1)
            self._buckets[index] += count
        pending.clear()
