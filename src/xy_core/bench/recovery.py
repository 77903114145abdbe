"""Whether durable tasks survive a process that is killed again and again, and what they cost."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from xy_core.bench import journal_overhead
from xy_core.bench.periodic_policies import policy_checks
from xy_core.bench.recovery_child import CHUNK
from xy_core.bench.result import BenchResult, Check, Figures, Progress

_EARLY = 0.25
"""Share of the kills at a moment of opening and submitting, not of running."""
_PATIENCE = 300.0
"""Seconds that one life of the child may take."""


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about two minutes, or twenty seconds with `quick`."""
    tasks, kills = (1_000, 4) if quick else (10_000, 20)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evidence = _kill_and_recover(folder, tasks, kills, progress)
        found = _judge(evidence, tasks)
        periodic = policy_checks(folder)
    overhead = journal_overhead.measure(rounds=4 if quick else 12, progress=progress)
    rows: dict[str, Figures] = {"durable_tasks": found, **periodic.rows, **overhead.rows}
    checks = [
        Check("lost", found["lost"], 0, "at most"),
        Check("completed", found["completed"], tasks, "at least"),
        Check("kills", found["kills"], kills, "at least"),
        Check("done_but_run_again", found["done_but_run_again"], 0, "at most"),
        Check("run_twice_but_not_in_flight", found["twice_not_in_flight"], 0, "at most"),
        *periodic.checks,
        *overhead.checks,
    ]
    return BenchResult("recovery", rows, checks)


@dataclass(slots=True)
class Evidence:
    """What was seen of the child's lives.

    Attributes:
        kills: how often it was killed.
        running: by kill, how many tasks had begun and not ended.
        unrecorded: by kill, how many had ended and were not yet recorded as done.
        excused: for each task, at how many kills it was in flight.
        done_then: for each kill, the tasks that were recorded as done.
        begun_then: for each kill, how many lines the execution log had.
        runs: the lines of the execution log.
        acknowledged: the tasks that the submitter was told are recorded.
        done: the tasks that are recorded as done at the end.
        dead: how many are dead letters.
    """

    kills: int = 0
    running: list[int] = field(default_factory=list)
    unrecorded: list[int] = field(default_factory=list)
    excused: Counter[int] = field(default_factory=Counter)
    done_then: list[set[int]] = field(default_factory=list)
    begun_then: list[int] = field(default_factory=list)
    runs: list[tuple[str, int]] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    dead: int = 0


def _kill_and_recover(folder: Path, tasks: int, kills: int, progress: Progress) -> Evidence:
    evidence = Evidence()
    chance = random.Random()  # noqa: S311 - random moments are no secret
    while True:
        child = _start(folder, tasks)
        try:
            progress(f"kill {evidence.kills + 1}/{kills}, {len(_runs(folder)) // 2:,} tasks run")
            if evidence.kills == kills:
                child.wait(_PATIENCE)
                break
            _wait_for_a_moment(child, folder, tasks, kills - evidence.kills, chance)
            child.kill()
            child.wait()
        finally:
            child.kill()
        if child.returncode != -signal.SIGKILL:
            break  # it had ended before; the figures say so
        evidence.kills += 1
        _look(folder, evidence)
    evidence.runs = _runs(folder)
    evidence.acknowledged = _acknowledged(folder, tasks)
    evidence.done = _recorded(folder, "done")
    evidence.dead = len(_recorded(folder, "dead"))
    return evidence


def _start(folder: Path, tasks: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "xy_core.bench.recovery_child", str(folder), str(tasks)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own module
    if child.stdout is not None:
        child.stdout.readline()  # it is about to open the journal
        child.stdout.close()
    return child


def _wait_for_a_moment(
    child: subprocess.Popen[bytes], folder: Path, tasks: int, left: int, chance: random.Random
) -> None:
    """Wait for a random number of runs, so that the kills are spread over the whole work."""
    if chance.random() < _EARLY:
        time.sleep(chance.uniform(0, 0.15))
        return
    before = len(_runs(folder)) // 2
    share = max(1, int((tasks - before) / (left + 1)))
    until = before + chance.randint(1, 2 * share)
    end = time.monotonic() + _PATIENCE
    while len(_runs(folder)) // 2 < until and child.poll() is None and time.monotonic() < end:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.005))


def _look(folder: Path, evidence: Evidence) -> None:
    """See what was in flight at the kill: begun by the log, and not done by the journal.

    A task that has ended is in flight until its outcome is recorded, some 20 ms later.
    """
    runs = _runs(folder)
    done = _recorded(folder, "done")
    latest = {number: what for what, number in runs if number not in done}
    evidence.running.append(sum(what == "begin" for what in latest.values()))
    evidence.unrecorded.append(sum(what == "end" for what in latest.values()))
    evidence.excused.update(latest.keys())
    evidence.done_then.append(done)
    evidence.begun_then.append(len(runs))


def _judge(evidence: Evidence, tasks: int) -> Figures:
    begun = Counter(number for what, number in evidence.runs if what == "begin")
    ended = {number for what, number in evidence.runs if what == "end"}
    twice = {number: count for number, count in begun.items() if count > 1}
    again = 0
    for done, length in zip(evidence.done_then, evidence.begun_then, strict=True):
        again += sum(what == "begin" and number in done for what, number in evidence.runs[length:])
    completed = evidence.done & ended
    return {
        "tasks": tasks,
        "kills": evidence.kills,
        "acknowledged": len(evidence.acknowledged),
        "completed": len(completed),
        "lost": len(evidence.acknowledged - completed),
        "dead_letters": evidence.dead,
        "executions": sum(begun.values()),
        "run_more_than_once": len(twice),
        "running_at_kills": sum(evidence.running),
        "ended_but_not_recorded_at_kills": sum(evidence.unrecorded),
        "twice_not_in_flight": sum(
            count - 1 > evidence.excused[number] for number, count in twice.items()
        ),
        "done_but_run_again": again,
    }


def _runs(folder: Path) -> list[tuple[str, int]]:
    """The execution log; a line that the kill cut short was never a line."""
    try:
        content = (folder / "runs").read_text("ascii")
    except FileNotFoundError:
        return []
    lines = content[: content.rfind("\n") + 1].splitlines()
    return [(what, int(number)) for what, number in (line.split(" ") for line in lines)]


def _acknowledged(folder: Path, tasks: int) -> set[int]:
    chunks = (folder / "acknowledged").read_text("ascii").split()
    return {number for first in map(int, chunks) for number in range(first, first + CHUNK)} & set(
        range(tasks)
    )


def _recorded(folder: Path, status: str) -> set[int]:
    """The numbers of the steps that the journal has with that status."""
    query = (
        "SELECT json_extract(arguments, '$.number') FROM task "
        "WHERE name = 'bench.step' AND status = ?"
    )
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as connection:
        try:
            return {row[0] for row in connection.execute(query, (status,))}
        except sqlite3.OperationalError:
            return set()  # it was killed before there was a table
