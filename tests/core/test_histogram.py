"""Quantiles are right to a sixteenth of their value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.histogram import BOUNDS, Histogram, Quantiles

Durations = st.lists(st.floats(1e-6, 1e5), min_size=1, max_size=60)


def exact(values: list[float], share: float) -> float:
    wanted = share * len(values)
    ordered = sorted(values)
    return next(value for seen, value in enumerate(ordered, 1) if seen >= wanted)


@given(Durations, st.floats(0, 1))
def test_a_quantile_is_off_by_at_most_a_sixteenth(values, share):
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    assert histogram.quantile(share) == pytest.approx(exact(values, share), rel=1 / 16 + 1e-9)


@given(Durations)
def test_the_summary_is_ordered_and_its_maximum_exact(values):
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    summary = histogram.quantiles()
    assert summary.p50 <= summary.p95 <= summary.p99 <= summary.maximum == max(values)
    assert summary.count == len(values)
    assert histogram.total == pytest.approx(sum(values))


def test_an_empty_histogram_is_all_zeros():
    assert Histogram().quantiles() == Quantiles()
    assert Histogram().quantile(0.5) == 0.0


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-12, 1e9])
def test_what_lies_outside_of_the_range_is_counted_at_its_edge(value):
    histogram = Histogram()
    histogram.observe(value)
    summary = histogram.quantiles()
    assert summary.count == 1
    assert summary.maximum == max(value, 0.0)
    assert 0.0 <= summary.p99 <= summary.maximum


@given(st.lists(st.floats(0, 1e5), max_size=60))
def test_what_is_shorter_than_each_bound_is_counted_exactly(values):
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    summary = histogram.quantiles()
    exactly = tuple(sum(value < bound for value in values) for bound in BOUNDS)
    assert summary.at_most == (exactly if values else ())
    assert summary.total == pytest.approx(sum(values))
