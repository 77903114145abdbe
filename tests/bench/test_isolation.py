"""The isolation benchmark's shape; its figures are the machine's."""

from __future__ import annotations

import json

from xy_core.bench import isolation


def test_quantiles_are_values_that_were_seen():
    figures = isolation._figures([number / 1e3 for number in range(1_001)])
    assert figures == {"ticks": 1_001, "p50_ms": 500, "p99_ms": 990, "p99_9_ms": 999, "max_ms": 1e3}


def test_only_the_lanes_are_held_against_bounds():
    row = {"ticks": 1, "p50_ms": 0.1, "p99_ms": 0.2, "p99_9_ms": 1.0, "max_ms": 3.0}
    late = row | {"p99_9_ms": 7.0, "max_ms": 21.0}
    names = ("idle", "native_in_cpu_lane", "python_in_process_lane", "python_on_the_loop")
    rows = dict(zip(names, (row, row, late, late), strict=True))
    checks = {check.name: (check.value, check.passed) for check in isolation._checks(rows)}
    assert checks == {
        "native_in_cpu_lane_p99_9_above_idle_ms": (0.0, True),
        "native_in_cpu_lane_max_ms": (3.0, True),
        "python_in_process_lane_p99_9_above_idle_ms": (6.0, False),
        "python_in_process_lane_max_ms": (21.0, False),
    }


def test_it_runs_all_loads(monkeypatch):
    monkeypatch.setattr(isolation, "_PASSES", 1_000)
    told: list[str] = []
    result = isolation.asyncio.run(isolation._measure(0.05, told.append))
    assert list(result.rows) == [name.replace(" ", "_") for name in told]
    assert len(told) == 5
    json.dumps(result.as_json())
