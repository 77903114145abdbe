"""Growth among samples that depend on one another."""

from __future__ import annotations

import numpy as np
import pytest

from xy_core.bench.experiments.trend import trend

EVERY = 5.0
SECONDS = EVERY * np.arange(540)
"""Three quarters of an hour."""


def white(source: np.random.Generator) -> np.ndarray:
    return source.normal(0, 0.4, len(SECONDS))


def telegraph(source: np.random.Generator) -> np.ndarray:
    """What an allocator does that takes an arena and gives it back."""
    return 0.9 * (np.cumsum(source.random(len(SECONDS)) < 0.05) % 2)


def correlated(source: np.random.Generator) -> np.ndarray:
    values = np.zeros(len(SECONDS))
    for index, noise in enumerate(source.normal(0, 0.1, len(SECONDS) - 1)):
        values[index + 1] = 0.98 * values[index] + noise
    return values


def walk(source: np.random.Generator) -> np.ndarray:
    return np.cumsum(source.normal(0, 0.03, len(SECONDS)))


@pytest.mark.parametrize(
    ("noise", "least"), [(white, 0.92), (telegraph, 0.92), (correlated, 0.92), (walk, 0.8)]
)
def test_the_interval_holds_the_true_growth_as_often_as_it_says(noise, least):
    """A walk is the worst case: of 50 blocks, its correlation of 1 is not always recognised."""
    source = np.random.default_rng(1)
    found = [trend(SECONDS, 90 + noise(source) + 2 * SECONDS / 3600) for _ in range(200)]
    assert np.mean([one.low <= 2 <= one.high for one in found]) >= least


def test_independent_errors_would_call_a_walk_growth():
    source = np.random.default_rng(1)
    wrong = 0
    for _ in range(100):
        values = walk(source)
        (slope, _), covariance = np.polyfit(SECONDS, values, 1, cov=True)
        wrong += abs(slope) > 1.96 * covariance[0, 0] ** 0.5
    assert wrong > 70


def test_a_leak_is_found_and_a_straight_line_is_exact():
    source = np.random.default_rng(1)
    grown = trend(SECONDS, 90 + telegraph(source) + 12 * SECONDS / 3600)
    assert grown.low > 5
    line = trend(SECONDS, 3 * SECONDS / 3600)
    assert line.low == pytest.approx(3)
    assert line.high == pytest.approx(3)
    flat = trend(SECONDS, np.full(len(SECONDS), 7.0))
    assert (flat.low, flat.high) == pytest.approx((0, 0), abs=1e-9)


@pytest.mark.parametrize("count", [0, 1, 2, 79])
def test_too_few_samples_tell_nothing(count):
    assert trend(SECONDS[:count], np.ones(count)) is None


def test_gaps_are_no_growth():
    """A machine that slept has looked less often."""
    kept = np.r_[0:200, 400:540]
    source = np.random.default_rng(1)
    found = trend(SECONDS[kept], white(source)[kept])
    assert found.low < 0 < found.high
