"""The ring of events and the formats it is written in."""

from __future__ import annotations

import json

import pytest

from xy_core.core.task import TaskInfo, TaskPriority, TaskType
from xy_core.core.trace import Trace


@pytest.fixture
def info() -> TaskInfo:
    return TaskInfo("task_1", "llm.generate", TaskType.GPU_BOUND, TaskPriority.HIGH, "gpu", 1.0)


@pytest.fixture
def trace(info: TaskInfo) -> Trace:
    made = Trace(10)
    made.record("task_scheduled", info, ts=10.0)
    made.record("worker_start", info, "gpu-0", ts=11.0)
    made.record("task_completed", info, "gpu-0", 0.25, ts=11.25)
    return made


def test_the_oldest_events_give_way_and_are_counted(info):
    trace = Trace(3)
    for number in range(5):
        trace.record(f"event {number}", info)
    assert [event.event for event in trace] == ["event 2", "event 3", "event 4"]
    assert len(trace) == 3
    assert trace.dropped == 2


def test_recording_during_an_iteration_is_harmless(trace, info):
    for event in trace:
        trace.record("more", info, ts=event.ts)
    assert len(trace) == 6


def test_the_report_leaves_out_what_does_not_apply(trace, info):
    info.note = "a note"
    scheduled, started, completed = trace.as_report()
    common = {
        "task_id": "task_1",
        "priority": "HIGH",
        "note": "a note",
        "name": "llm.generate",
        "lane": "gpu",
        "task_type": "gpu_bound",
    }
    assert scheduled == common | {"ts": 10.0, "event": "task_scheduled"}
    assert started == common | {"ts": 11.0, "event": "worker_start", "worker": "gpu-0"}
    assert completed == common | {
        "ts": 11.25,
        "event": "task_completed",
        "worker": "gpu-0",
        "duration_ms": 250.0,
    }


def test_perfetto_gets_a_process_a_lane_and_a_thread_a_worker(trace):
    document = json.loads(json.dumps(trace.as_perfetto()))
    rows = document["traceEvents"]
    names = {(row["name"], row["args"]["name"]) for row in rows if row["ph"] == "M"}
    assert names == {
        ("process_name", "lane gpu"),
        ("thread_name", "waiting"),
        ("thread_name", "gpu-0"),
    }
    (slice_,) = [row for row in rows if row["ph"] == "X"]
    assert slice_["name"] == "llm.generate"
    assert (slice_["ts"], slice_["dur"]) == (11.0e6, 0.25e6)
    assert [row["name"] for row in rows if row["ph"] == "i"] == ["task_scheduled", "worker_start"]


def test_what_another_machine_computed_is_shown_in_its_track_as_well(trace, info):
    info.node = "10.0.0.7/abc"
    rows = trace.as_perfetto()["traceEvents"]
    processes = {row["pid"]: row["args"]["name"] for row in rows if row["name"] == "process_name"}
    slices = [row for row in rows if row["ph"] == "X"]
    assert [processes[row["pid"]] for row in slices] == ["lane gpu", "node 10.0.0.7/abc"]
    assert {row["ts"] for row in slices} == {11.0e6}
    assert trace.as_report()[-1]["node"] == "10.0.0.7/abc"


def test_an_empty_trace_is_a_valid_document():
    assert Trace(1).as_perfetto() == {"traceEvents": [], "displayTimeUnit": "ms"}
    assert Trace(1).as_report() == []


def test_what_came_after_a_mark_is_read_in_pieces(info):
    trace = Trace(4)
    for number in range(3):
        trace.record(f"event {number}", info)
    events, mark = trace.since(1, 1)
    assert ([event.event for event in events], mark) == (["event 1"], 2)
    assert trace.since(3, 10) == ([], 3)
    for number in range(3, 10):
        trace.record(f"event {number}", info)
    events, mark = trace.since(mark, 3)
    assert ([event.event for event in events], mark) == (["event 6", "event 7", "event 8"], 9)
    events, mark = trace.since(mark, 3)
    assert ([event.event for event in events], mark) == (["event 9"], trace.recorded)


def test_one_task_has_its_own_events(trace, info):
    other = TaskInfo("task_2", "other", TaskType.DEFAULT, TaskPriority.LOW, "default", 1.0)
    trace.record("task_scheduled", other)
    assert [event.event for event in trace.of(other)] == ["task_scheduled"]
    assert len(trace.of(info)) == 3


def test_a_copy_does_not_change_with_its_original(trace, info):
    copied = trace.copy()
    before = copied.as_report()
    trace.record("more", info)
    assert copied.as_report() == before
    assert copied.as_perfetto()["traceEvents"] == list(copied.perfetto_rows())
