"""The journal's rows of durable tasks: what they hold, and what can be asked and done."""

from __future__ import annotations

import enum
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ADD = """
    INSERT INTO task (
        id, name, arguments, key, schedule, priority, status, attempts, created_at, due_at)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
        'waiting', 0, json_extract(value, '$[6]'), json_extract(value, '$[7]')
    FROM json_each(?) WHERE true ON CONFLICT (name, key) WHERE key IS NOT NULL DO NOTHING"""
"""Rows: id, name, arguments, key, schedule, priority, created_at, due_at."""

BY_KEY = """
    SELECT json_group_object(json_extract(value, '$[0]'), json_array(
        task.id, task.status, task.result, task.error))
    FROM json_each(?) JOIN task
    ON task.name = json_extract(value, '$[1]') AND task.key = json_extract(value, '$[2]')"""
"""Rows: any number, name, key. The answer gives, by that number, the task that has the key."""

DONE = """
    UPDATE task SET status = 'done', ended_at = json_extract(value, '$[1]'),
        result = json_extract(value, '$[2]'), error = NULL
    FROM json_each(?) WHERE task.id = json_extract(value, '$[0]') AND task.status = 'waiting'"""
"""Rows: id, ended_at, result."""

FAILED = """
    UPDATE task SET status = json_extract(value, '$[1]'), attempts = json_extract(value, '$[2]'),
        due_at = json_extract(value, '$[3]'), ended_at = json_extract(value, '$[4]'),
        error = json_extract(value, '$[5]')
    FROM json_each(?) WHERE task.id = json_extract(value, '$[0]') AND task.status = 'waiting'"""
"""Rows: id, status, attempts, due_at, ended_at, error."""

NEXT = """
    SELECT json_group_array(json_array(id, arguments, attempts, priority, key, schedule, error))
    FROM (
        SELECT * FROM task INDEXED BY task_waiting
        WHERE name = :name AND status = 'waiting' AND due_at <= :now
            AND id NOT IN (SELECT value FROM json_each(:held))
        ORDER BY priority DESC, id LIMIT :limit)"""
"""The tasks of a name that should run next."""

LATER = """
    SELECT json_quote(min(due_at)) FROM task INDEXED BY task_waiting
    WHERE name = :name AND status = 'waiting' AND due_at > :now"""
"""When the first of a name's later tasks is due; it looks at all that wait."""

_CRASHED = """
    UPDATE task SET attempts = attempts + 1, error = 'the program ended while it ran'
    WHERE status = 'waiting' AND id IN (SELECT value FROM json_each(?))"""
_COLUMNS = """id, name, arguments, key, schedule, priority, status, attempts, created_at, due_at,
    ended_at, result, error"""


class DurableStatus(enum.StrEnum):
    """How far a durable task has come."""

    WAITING = "waiting"
    """It will run, runs, or will run again."""
    DONE = "done"
    DEAD = "dead"
    """A dead letter: it failed for good."""


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One durable task as the journal has it.

    Attributes:
        task_id: its number.
        name: under which its function is registered.
        arguments: the function's keyword arguments.
        key: its idempotency key, if it has one.
        schedule: the periodic task whose run it is, if it is one.
        priority: LOW=1 to CRITICAL=4.
        status: how far it has come.
        attempts: those that failed or went down with their process.
        created_at: when it was submitted, in seconds since the epoch.
        due_at: when it may run, in seconds since the epoch.
        ended_at: when it was done or given up, in seconds since the epoch.
        result: what the function returned.
        error: the last error in words.
    """

    task_id: int
    name: str
    arguments: dict[str, Any]
    key: str | None
    schedule: str | None
    priority: int
    status: DurableStatus
    attempts: int
    created_at: float
    due_at: float
    ended_at: float | None
    result: Any
    error: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON types."""
        return asdict(self)


def find_tasks(
    connection: sqlite3.Connection, status: DurableStatus | None, limit: int
) -> list[TaskRecord]:
    """Return the newest tasks, of one status or of all, newest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM task WHERE ?1 IS NULL OR status = ?1 "  # noqa: S608 - ours
        "ORDER BY id DESC LIMIT ?2",
        (status, limit),
    )
    return [_record(row) for row in found]


def find_task(connection: sqlite3.Connection, task_id: int) -> TaskRecord | None:
    """Return one task."""
    query = f"SELECT {_COLUMNS} FROM task WHERE id = ?"  # noqa: S608 - our own columns
    row = connection.execute(query, (task_id,)).fetchone()
    return None if row is None else _record(row)


def count_tasks(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many tasks there are of each status."""
    counts = dict(connection.execute("SELECT status, count(*) FROM task GROUP BY status"))
    return {status.value: counts.get(status.value, 0) for status in DurableStatus}


def requeue(connection: sqlite3.Connection, ids: Sequence[int] | None) -> list[int]:
    """Let dead letters begin anew, all if no ids are given; returns the ids of those that do."""
    found = connection.execute(
        """UPDATE task SET status = 'waiting', attempts = 0, ended_at = NULL, due_at = created_at
        WHERE status = 'dead' AND (?1 IS NULL OR id IN (SELECT value FROM json_each(?1)))
        RETURNING id""",
        (None if ids is None else json.dumps(ids),),
    )
    return sorted(row[0] for row in found.fetchall())


def purge(connection: sqlite3.Connection, status: DurableStatus, ended_before: float) -> int:
    """Delete tasks that ended before then (seconds since the epoch); returns how many."""
    return connection.execute(
        "DELETE FROM task WHERE status = ? AND ended_at < ?",
        (status, ended_before),
    ).rowcount


def expire(connection: sqlite3.Connection, ended_before: float, keep: int) -> int:
    """Delete some of the done tasks that are too old or too many; returns how many."""
    return connection.execute(
        """DELETE FROM task WHERE id IN (
            SELECT id FROM task INDEXED BY task_done
            WHERE status = 'done' AND ended_at <= max(?, ifnull((
                SELECT ended_at FROM task INDEXED BY task_done
                WHERE status = 'done' ORDER BY ended_at DESC LIMIT 1 OFFSET ?), 0))
            LIMIT 1000)""",
        (ended_before, keep),
    ).rowcount


def note_crashes(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Count an attempt for each task that was running when its process ended."""
    connection.execute(_CRASHED, (json.dumps(ids),))


def last_id(connection: sqlite3.Connection) -> int:
    """Return the highest number that a task ever had."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'task'").fetchone()
    return 0 if row is None else int(row[0])


def unfinished(connection: sqlite3.Connection, schedule: str) -> int:
    """Return how many runs of a periodic task wait or run."""
    query = "SELECT count(*) FROM task WHERE schedule = ? AND status = 'waiting'"
    return int(connection.execute(query, (schedule,)).fetchone()[0])


def _record(row: Sequence[Any]) -> TaskRecord:
    values: Iterator[Any] = iter(row)
    return TaskRecord(
        task_id=next(values),
        name=next(values),
        arguments=json.loads(next(values)),
        key=next(values),
        schedule=next(values),
        priority=next(values),
        status=DurableStatus(next(values)),
        attempts=next(values),
        created_at=next(values),
        due_at=next(values),
        ended_at=next(values),
        result=json.loads(next(values) or "null"),
        error=next(values),
    )
