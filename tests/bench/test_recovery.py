"""The recovery benchmark: its judgement on made-up evidence, and a small real run."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from xy_core.bench import journal_overhead, periodic_policies, recovery
from xy_core.bench.recovery import Evidence
from xy_core.bench.recovery_child import Policy
from xy_core.core.periodic_task import MissedRuns, Overlap


def evidence(runs: list[tuple[str, int]], **changes: object) -> Evidence:
    seen = Evidence(kills=1, runs=runs, acknowledged={1, 2}, done={1, 2})
    for name, value in changes.items():
        setattr(seen, name, value)
    return seen


BOTH = [("begin", 1), ("end", 1), ("begin", 2), ("end", 2)]


def test_a_clean_run_is_clean():
    found = recovery._judge(evidence(BOTH), 2)
    assert (found["completed"], found["lost"], found["executions"]) == (2, 0, 2)
    assert found["run_more_than_once"] == 0


def test_what_was_acknowledged_and_not_completed_is_lost():
    assert recovery._judge(evidence(BOTH, done={1}), 2)["lost"] == 1
    assert recovery._judge(evidence(BOTH[:3]), 2)["lost"] == 1


def test_a_second_run_needs_a_kill_that_it_was_in_flight_at():
    runs = [*BOTH, ("begin", 2), ("end", 2)]
    assert recovery._judge(evidence(runs), 2)["twice_not_in_flight"] == 1
    excused = evidence(runs)
    excused.excused.update([2])
    assert recovery._judge(excused, 2)["twice_not_in_flight"] == 0
    excused.runs = [*runs, ("begin", 2)]
    assert recovery._judge(excused, 2)["twice_not_in_flight"] == 1


def test_what_was_done_before_a_kill_may_not_begin_after_it():
    runs = [*BOTH, ("begin", 1), ("end", 1)]
    again = evidence(runs, done_then=[{1}], begun_then=[4])
    assert recovery._judge(again, 2)["done_but_run_again"] == 1
    assert (
        recovery._judge(evidence(BOTH, done_then=[{1}], begun_then=[4]), 2)["done_but_run_again"]
        == 0
    )


def test_a_line_that_was_cut_short_is_no_line(tmp_path: Path):
    (tmp_path / "runs").write_text("begin 1\nend 1\nbegin 1")
    assert recovery._runs(tmp_path) == [("begin", 1), ("end", 1)]


def test_late_and_stale_runs_are_told_apart():
    policy = Policy(1.0, 0.0, Overlap.PARALLEL, MissedRuns.ONCE)
    submitted = [(1.0, 1.01), (2.0, 2.5), (4.0, 5.9), (5.0, 5.9)]
    assert periodic_policies._figures(policy, submitted) == {
        "due_times": 5,
        "runs": 4,
        "due_times_without_a_run": 1,
        "late_runs": 3,
        "stale_runs": 1,
    }


def test_overlaps_are_counted_and_interrupted_runs_are_not(tmp_path: Path):
    (tmp_path / "periodic").write_text(
        "begin a 1 1.0\nbegin a 2 1.5\nend a 1 2.0\nend a 2 2.1\n"
        "begin b 1 1.0\nbegin b 2 3.0\nend b 2 4.0\n"
    )
    assert periodic_policies._overlaps(tmp_path / "periodic") == {"a": 1, "b": 0}


def test_a_small_real_run_keeps_every_promise(tmp_path: Path):
    told: list[str] = []
    seen = recovery._kill_and_recover(tmp_path, 250, 2, told.append)
    found = recovery._judge(seen, 250)
    assert (found["completed"], found["lost"], found["dead_letters"]) == (250, 0, 0)
    assert (found["twice_not_in_flight"], found["done_but_run_again"]) == (0, 0)
    policies = periodic_policies.policy_checks(tmp_path)
    assert len(policies.checks) == 5
    json.dumps(policies.rows)
    assert told


async def test_the_overhead_is_measured_by_lane():
    lanes = dict(journal_overhead.lanes())
    rates = {name: defaultdict(list) for name in lanes}
    few = {name: (task_type, fn, 20) for name, (task_type, fn, _) in lanes.items()}
    await journal_overhead._measure(few, rates, 1, lambda _: None)
    assert all(len(found) == 1 for lane in rates.values() for found in lane.values())
    assert all(len(lane) == 4 for lane in rates.values())
    figures = journal_overhead.figures(rates)
    assert set(figures.rows) == {f"overhead_{name}" for name in lanes}
    assert [check.bound for check in figures.checks] == [15.0, 15.0]
