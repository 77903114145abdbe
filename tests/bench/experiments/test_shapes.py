"""How requests come."""

from __future__ import annotations

import json

import pytest

from xy_core.bench.experiments.shapes import arrivals_of, make_shape
from xy_core.bench.experiments.synthetic import calibrated
from xy_core.core.errors import ConfigError

ROWS = [
    {"ts": 12.5, "event": "task_scheduled", "task_id": "task_vl_0"},
    {"ts": 10.0, "event": "task_scheduled", "task_id": "task_llm_0"},
    {"ts": 16.0, "event": "task_completed", "task_id": "task_llm_0", "duration_ms": 4000},
]


def test_a_trace_is_replayed_at_its_distances(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(ROWS), "utf-8")
    assert arrivals_of(path) == [0.0, 2.5]
    shape = make_shape("replay", requests=1, clients=1, rate=1, seed=1, trace=path)
    assert shape.title == "replay 2"


def test_a_profile_is_made_of_a_trace(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(ROWS), "utf-8")
    assert calibrated(path).think == 4.0


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[1]", '[{"event": "task_scheduled"}]', "[" * 100_000, "\x00"]
)
def test_what_is_no_trace_is_refused(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"trace|events"):
        arrivals_of(path)


def test_a_replay_needs_a_trace():
    with pytest.raises(ConfigError, match="--trace"):
        make_shape("replay", requests=1, clients=1, rate=1, seed=1)
