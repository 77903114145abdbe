"""Whether a series grows, and how sure that is, when its samples depend on one another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from xy_core.bench.experiments.interval import Interval

BLOCK = 40.0
"""Seconds that are averaged: one round of all kinds of faults, whose rhythm is no growth."""
_FEWEST = 10
"""Blocks below which the noise cannot be judged."""
_SURE = NormalDist().inv_cdf(0.975)
_HOUR = 3600.0

Floats = NDArray[np.float64]


def trend(seconds: Sequence[float], values: Sequence[float]) -> Interval | None:
    """Return how fast a value grows an hour, with a 95 % interval; None of too few samples.

    Memory moves in steps that stay: a sample says little that the one before did not. Least
    squares with independent errors would call such a walk growth. Samples are averaged in blocks,
    and the line is fitted by feasible generalised least squares with errors of first order
    (Perron and Yabu 2009, "Estimating deterministic trends with an integrated or stationary noise
    component", J. Econometrics 151, 56-69): where the correlation cannot be told from 1, it is
    taken to be 1, and the noise to be a random walk. The correlation is corrected for its bias
    beside a fitted line, (2 + 4 rho) / n (Marriott and Pope 1954, Biometrika 41, 390-402).
    """
    moments, means = _blocks(np.asarray(seconds, float), np.asarray(values, float))
    if len(means) < _FEWEST:
        return None
    rho = _correlation(moments, means)
    value, error = _fit(moments / _HOUR, means, rho)
    return Interval(value, value - _SURE * error, value + _SURE * error)


def _blocks(seconds: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Average what lies within each block; a last one that is not full is left out."""
    if not len(seconds):
        return seconds, values
    numbers = ((seconds - seconds[0]) // BLOCK).astype(int)
    counts = np.bincount(numbers)
    full = (counts > 0) & (np.arange(len(counts)) < numbers[-1])
    totals = (np.bincount(numbers, weights=one)[full] for one in (seconds, values))
    moments, means = (total / counts[full] for total in totals)
    return moments, means


def _correlation(moments: Floats, means: Floats) -> float:
    """The correlation of neighbours round the line; 1 where it may well be."""
    count = len(means)
    rest = means - np.polyval(np.polyfit(moments - moments[0], means, 1), moments - moments[0])
    power = float(rest[:-1] @ rest[:-1])
    if power <= np.finfo(float).eps * count * float(means @ means):
        return 0.0  # a line without noise
    rho = float(rest[1:] @ rest[:-1]) / power
    rho += (2 + 4 * rho) / count
    return 1.0 if rho > 1 - 1 / math.sqrt(count) else max(0.0, rho)


def _fit(hours: Floats, means: Floats, rho: float) -> tuple[float, float]:
    """The slope and its standard error, by least squares of what neighbours do not explain."""
    if rho == 1.0:
        steps = np.diff(means) / np.diff(hours)
        return float(steps.mean()), float(steps.std(ddof=1)) / math.sqrt(len(steps))
    first = math.sqrt(1 - rho**2)
    design = np.stack([np.ones_like(hours), hours - hours.mean()], axis=1)
    design = np.vstack([first * design[:1], design[1:] - rho * design[:-1]])
    target = np.concatenate([first * means[:1], means[1:] - rho * means[:-1]])
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ target
    rest = target - design @ fitted
    variance = float(rest @ rest) / (len(target) - 2)
    return float(fitted[1]), math.sqrt(variance * inverse[1, 1])
