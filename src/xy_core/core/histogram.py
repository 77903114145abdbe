"""Quantiles of durations in constant memory and constant time."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS = 8
"""Sub-buckets to each power of two: a quantile is off by at most 1/16 of its value."""
_SMALLEST = -20
"""2**-20 s, about a microsecond; shorter counts as that."""
_LARGEST = 17
"""2**17 s, about a day and a half; longer counts as that."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A summary of durations, in seconds.

    Attributes:
        count: how many were seen.
        p50: half were shorter.
        p95: 95 of 100 were shorter.
        p99: 99 of 100 were shorter.
        maximum: the longest, exact.
    """

    count: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    maximum: float = 0.0


class Histogram:
    """Counts durations in buckets of equal relative width (as HdrHistogram does)."""

    __slots__ = ("_buckets", "count", "maximum", "total")

    def __init__(self) -> None:
        self._buckets = [0] * ((_LARGEST - _SMALLEST + 1) * _STEPS)
        self.count = 0
        self.total = 0.0
        self.maximum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration, in seconds; negative counts as zero."""
        self.count += 1
        if seconds > 0:
            self.total += seconds
            self.maximum = max(self.maximum, seconds)
            mantissa, exponent = math.frexp(seconds)
            if exponent <= _SMALLEST:
                index = 0
            elif exponent > _LARGEST:
                index = len(self._buckets) - 1
            else:
                index = (exponent - _SMALLEST) * _STEPS + int((mantissa - 0.5) * 2 * _STEPS)
        else:
            index = 0
        self._buckets[index] += 1

    def quantile(self, share: float) -> float:
        """Return the duration, in seconds, that `share` (0 to 1) of all do not exceed."""
        wanted = share * self.count
        seen = 0
        for index, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                exponent, step = divmod(index, _STEPS)
                middle = 0.5 + (step + 0.5) / (2 * _STEPS)
                return min(math.ldexp(middle, exponent + _SMALLEST), self.maximum)
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
        )
