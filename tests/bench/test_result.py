"""What a benchmark returns."""

from __future__ import annotations

import json

import pytest

from xy_core.bench.result import BenchResult, Check, median_interval, median_ratio


@pytest.mark.parametrize(
    ("value", "direction", "passed"),
    [
        (2.0, "at least", True),
        (2.0, "at most", True),
        (1.9, "at least", False),
        (1.9, "at most", True),
        (2.1, "at most", False),
        (None, "at least", None),
        (None, "at most", None),
        (float("nan"), "at least", False),
        (float("nan"), "at most", False),
    ],
)
def test_a_figure_is_held_against_its_bound(value, direction, passed):
    assert Check("figure", value, 2.0, direction).passed is passed


def test_a_result_is_plain_json_and_says_where_it_was_measured():
    check = Check("ratio", 1.5, 1.0, "at least")
    result = BenchResult("overhead", {"ours": {"per_second": 9, "p99": None}}, [check]).as_json()
    assert json.loads(json.dumps(result)) == result
    assert result["rows"] == {"ours": {"per_second": 9, "p99": None}}
    assert result["checks"][0] == {
        "name": "ratio",
        "value": 1.5,
        "bound": 1.0,
        "direction": "at least",
        "passed": True,
    }
    assert {"python", "platform", "cores"} <= result["environment"].keys()


def test_a_ratio_is_taken_pair_by_pair():
    assert median_ratio([1, 4, 9], [1, 2, 3]) == 2
    assert median_ratio([1.0], [3.0]) == 0.3333


def test_measurements_that_are_not_paired_are_refused():
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        median_ratio([1, 2], [1])


def test_the_interval_of_a_median_ratio():
    # The ranks for 16 at 95 %: 8 - 0.98 * 4 and 8 + 0.98 * 4, outwards.
    assert median_interval(range(1, 17), [1] * 16) == (5, 13)
    assert median_interval([3.0], [1.0]) == (3, 3)
    assert median_interval([2.0] * 50, [1.0] * 50) == (2, 2)
