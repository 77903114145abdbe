from __future__ import annotations

from xy_core.evaluation.emotion.serving import serving_cost


def test_the_cost_is_measured_in_a_process_of_its_own():
    cost = serving_cost(["I am so happy", "今天很难过"] * 5)
    assert 0 < cost.median_ms <= cost.p99_ms
    assert cost.rss_mib > 10
