"""Whether periodic tasks kept their policies in the lives of a process that was killed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from xy_core.bench.recovery_child import POLICIES, Policy
from xy_core.bench.result import Check, Figures

_MEASURED = 0.05
"""Seconds that may lie between the decision about a run and the moment that it is recorded at."""


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """Figures by periodic task, and what they are held against."""

    rows: dict[str, Figures]
    checks: list[Check]


def policy_checks(folder: Path) -> PolicyFigures:
    """Compare the journal and the log of the runs, which the child wrote, with the policies.

    A run is late if it was submitted after its grace, and stale if another due time had passed by
    then: "skip" allows no late run, "once" none that is stale, "all" leaves no due time out.
    """
    overlaps = _overlaps(folder / "periodic")
    rows: dict[str, Figures] = {
        f"periodic_{name}": _figures(policy, _submitted(folder, name))
        | {"overlaps": overlaps[name]}
        for name, policy in POLICIES.items()
    }
    figures = (
        ("all_missed", "due_times_without_a_run"),
        ("skip_missed", "late_runs"),
        ("once_for_missed", "stale_runs"),
        ("skip_overlap", "overlaps"),
        ("queue_overlap", "overlaps"),
    )
    return PolicyFigures(
        rows,
        [
            Check(
                f"periodic_{name}_{figure}",
                rows[f"periodic_{name}"][figure],
                0,
                "at most",
            )
            for name, figure in figures
        ],
    )


def _submitted(folder: Path, name: str) -> list[tuple[float, float]]:
    """When each run was due and when it was recorded, in that order."""
    query = "SELECT key, created_at FROM task WHERE schedule = ? ORDER BY id"
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as connection:
        found = connection.execute(query, (name,)).fetchall()
    return sorted((float(key.partition("@")[2]), created_at) for key, created_at in found)


def _figures(policy: Policy, submitted: list[tuple[float, float]]) -> dict[str, float | int | None]:
    if not submitted:
        return dict.fromkeys(("due_times_without_a_run", "late_runs", "stale_runs"), None)
    first, last = submitted[0][0], submitted[-1][0]
    due_times = round((last - first) / policy.interval) + 1
    waits = [recorded - due - _MEASURED for due, recorded in submitted]
    return {
        "due_times": due_times,
        "runs": len(submitted),
        "due_times_without_a_run": due_times - len(submitted),
        "late_runs": sum(wait > policy.grace for wait in waits),
        "stale_runs": sum(wait > policy.interval for wait in waits),
    }


def _overlaps(log: Path) -> Counter[str]:
    """How many runs began while another one of the same periodic task was running.

    A run that a kill interrupted has no end, and holds up nobody.
    """
    content = log.read_text("ascii")
    begun: dict[tuple[str, str], float] = {}
    spans: list[tuple[str, float, float]] = []
    for line in content[: content.rfind("\n") + 1].splitlines():
        what, name, due, moment = line.split(" ")
        if what == "begin":
            begun[name, due] = float(moment)
        else:
            spans.append((name, begun[name, due], float(moment)))
    overlaps: Counter[str] = Counter()
    latest: dict[str, float] = {}
    for name, begin, end in sorted(spans):
        overlaps[name] += begin < latest.get(name, 0.0)
        latest[name] = max(latest.get(name, 0.0), end)
    return overlaps
