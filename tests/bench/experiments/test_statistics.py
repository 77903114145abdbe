"""Intervals, verdicts, limits."""

from __future__ import annotations

import os
import random

import pytest

from xy_core.bench.experiments.interval import Interval, change, interval, judge
from xy_core.bench.experiments.limits import edge_limits
from xy_core.core.errors import ConfigError


def test_one_measurement_has_no_interval():
    assert interval([2.0]) == Interval(2.0, None, None)
    with pytest.raises(ValueError, match="no measurements"):
        interval([])


def test_an_interval_holds_the_true_value():
    source = random.Random(1)  # noqa: S311 - noise, not a secret
    found = interval([source.gauss(10, 1) for _ in range(50)])
    assert found.low < 10 < found.high
    assert found.high - found.low < 1.5


def test_only_what_is_sure_is_better_or_worse():
    faster = change([10, 11, 10.5, 10.2], [5, 5.2, 5.1, 5.3])
    assert judge(faster, more_is_better=False) == "better"
    assert judge(faster, more_is_better=True) == "worse"
    assert judge(change([10, 14, 9], [11, 9, 13]), more_is_better=True) == "same"


def test_limits_are_put_back():
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("affinity is Linux's")
    had = os.sched_getaffinity(0)
    with edge_limits(cores=1, memory=64 << 30) as said:
        assert "1 cores" in said
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == had
    with pytest.raises(ConfigError, match="offers"), edge_limits(cores=100_000):
        pass
