"""Bootstrap intervals: what repeated measurements say, and how sure."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Direction = Literal["better", "same", "worse"]
_DRAWS = 2_000
_LEVEL = 0.95
_SMALL = 0.01
"""A change under one percent is none, however sure it is."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the interval that holds it with 95 % confidence; None with one measurement."""

    value: float
    low: float | None
    high: float | None


def interval(
    values: Sequence[float],
    of: Callable[[Sequence[float]], float] = statistics.median,
    seed: int = 0,
) -> Interval:
    """Return a statistic and its percentile bootstrap interval (Efron 1979).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no measurements")
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return Interval(of(values), None, None)
    source = random.Random(seed)  # noqa: S311 - resampling, not a secret
    drawn = sorted(of(source.choices(values, k=len(values))) for _ in range(_DRAWS))
    return Interval(of(values), *_ends(drawn))


def change(old: Sequence[float], new: Sequence[float], seed: int = 0) -> Interval:
    """Return the ratio of the new median to the old one, and its bootstrap interval.

    Raises:
        ValueError: there are no values, or an old median is 0 and the new one is not.
    """
    was, now = statistics.median(old), statistics.median(new)
    if was == now:
        ratio = 1.0
    elif was == 0:
        raise ValueError("the old figure is 0: there is no ratio to it")
    else:
        ratio = now / was
    if min(len(old), len(new)) < 2:  # noqa: PLR2004 - one value has no spread
        return Interval(ratio, None, None)
    source = random.Random(seed)  # noqa: S311 - resampling, not a secret
    drawn = []
    for _ in range(_DRAWS):
        before = statistics.median(source.choices(old, k=len(old)))
        after = statistics.median(source.choices(new, k=len(new)))
        drawn.append(after / before if before else ratio)
    return Interval(ratio, *_ends(sorted(drawn)))


def judge(ratio: Interval, *, more_is_better: bool) -> Direction:
    """Say better or worse only if the whole interval (or, without one, the value) lies aside."""
    low = ratio.value if ratio.low is None else ratio.low
    high = ratio.value if ratio.high is None else ratio.high
    if low > 1 + _SMALL:
        return "better" if more_is_better else "worse"
    if high < 1 - _SMALL:
        return "worse" if more_is_better else "better"
    return "same"


def _ends(drawn: Sequence[float]) -> tuple[float, float]:
    cut = int(len(drawn) * (1 - _LEVEL) / 2)
    return drawn[cut], drawn[-1 - cut]
