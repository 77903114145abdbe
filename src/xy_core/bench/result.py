"""What a benchmark returns: figures, what they are held against, and the machine."""

from __future__ import annotations

import math
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Figures = Mapping[str, float | int | None]
Progress = Callable[[str], object]
"""Told in a few words what is being measured."""


def environment() -> dict[str, str | int]:
    """Describe the machine and the interpreter."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
    }


@dataclass(frozen=True, slots=True)
class Check:
    """One figure held against its bound.

    Attributes:
        name: the figure.
        value: what was measured; None if it could not be measured here.
        bound: what it is held against.
        direction: whether the value must be at least or at most the bound.
    """

    name: str
    value: float | None
    bound: float
    direction: Literal["at least", "at most"]

    @property
    def passed(self) -> bool | None:
        """Whether the bound is kept; None if nothing was measured."""
        if self.value is None:
            return None
        if self.direction == "at least":
            return self.value >= self.bound
        return self.value <= self.bound


@dataclass(frozen=True, slots=True)
class BenchResult:
    """The outcome of one benchmark.

    Attributes:
        name: the benchmark.
        rows: figures by subject, such as the contender or the kind of load.
        checks: figures held against bounds.
        environment: the machine and the versions.
    """

    name: str
    rows: Mapping[str, Figures]
    checks: Sequence[Check]
    environment: Mapping[str, str | int] = field(default_factory=environment)

    def as_json(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {
            "name": self.name,
            "rows": {name: dict(figures) for name, figures in self.rows.items()},
            "checks": [asdict(check) | {"passed": check.passed} for check in self.checks],
            "environment": dict(self.environment),
        }


def median_ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the ratios of paired measurements, rounded to four digits."""
    ratios = [value / other for value, other in zip(values, others, strict=True)]
    return round(statistics.median(ratios), 4)


def median_interval(values: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of the median ratio at 95 % confidence, whatever its distribution.

    These are two of the ratios themselves, as of the binomial distribution, which for the usual
    number of measurements is normal. Source: W. J. Conover, "Practical Nonparametric Statistics",
    3rd edition, section 3.2.
    """
    ratios = sorted(value / other for value, other in zip(values, others, strict=True))
    reach = 0.98 * math.sqrt(len(ratios))
    low = max(0, math.floor(len(ratios) / 2 - reach))
    high = min(len(ratios) - 1, math.ceil(len(ratios) / 2 + reach))
    return round(ratios[low], 4), round(ratios[high], 4)
