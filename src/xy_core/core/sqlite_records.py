"""The journal's rows in SQLite: what can be asked and done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from xy_core.core.records import Change, DurableStatus, Row, ScheduleRecord, TaskRecord, task_record

_ADD = """
    INSERT INTO task (
        id, name, arguments, key, schedule, priority, status, attempts, created_at, due_at)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
        'waiting', 0, json_extract(value, '$[6]'), json_extract(value, '$[7]')
    FROM json_each(?) WHERE true ON CONFLICT (name, key) WHERE key IS NOT NULL DO NOTHING"""

BY_KEY = """
    SELECT json_group_object(json_extract(value, '$[0]'), json_array(
        task.id, task.status, task.result, task.error))
    FROM json_each(?) JOIN task
    ON task.name = json_extract(value, '$[1]') AND task.key = json_extract(value, '$[2]')"""
"""Rows: any number, name, key. The answer gives, by that number, the task that has the key."""

_DONE = """
    UPDATE task SET status = 'done', ended_at = json_extract(value, '$[1]'),
        result = json_extract(value, '$[2]'), error = NULL
    FROM json_each(?) WHERE task.id = json_extract(value, '$[0]') AND task.status = 'waiting'"""

_FAILED = """
    UPDATE task SET status = json_extract(value, '$[1]'), attempts = json_extract(value, '$[2]'),
        due_at = json_extract(value, '$[3]'), ended_at = json_extract(value, '$[4]'),
        error = json_extract(value, '$[5]')
    FROM json_each(?) WHERE task.id = json_extract(value, '$[0]') AND task.status = 'waiting'"""

_NEXT = """
    SELECT json_group_array(json_array(id, arguments, attempts, priority, key, schedule, error))
    FROM (
        SELECT * FROM task INDEXED BY task_waiting
        WHERE name = :name AND status = 'waiting' AND due_at <= :now
            AND id NOT IN (SELECT value FROM json_each(:held))
        ORDER BY priority DESC, id LIMIT :limit)"""

_LATER = """
    SELECT json_quote(min(due_at)) FROM task INDEXED BY task_waiting
    WHERE name = :name AND status = 'waiting' AND due_at > :now"""

_CRASHED = """
    UPDATE task SET attempts = attempts + 1, error = 'the program ended while it ran'
    WHERE status = 'waiting' AND id IN (SELECT value FROM json_each(?))"""
_SCHEDULE = """
    INSERT INTO schedule (name, definition, began_at, last_due)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),
        json_extract(value, '$[2]'), json_extract(value, '$[2]')
    FROM json_each(?) WHERE true
    ON CONFLICT (name) DO UPDATE SET definition = excluded.definition,
        began_at = excluded.began_at, last_due = excluded.last_due"""
_UNSCHEDULE = """
    DELETE FROM schedule WHERE name IN (SELECT json_extract(value, '$[0]') FROM json_each(?))"""
_PASSED = """
    UPDATE schedule SET last_due = json_extract(value, '$[1]')
    FROM json_each(?) WHERE name = json_extract(value, '$[0]')"""
_SCHEDULES = """
    SELECT name, definition, began_at, last_due, (SELECT count(*) FROM task
        WHERE task.schedule = schedule.name AND task.status = 'waiting')
    FROM schedule"""
CHANGES = {
    Change.ADD: _ADD,
    Change.DONE: _DONE,
    Change.FAILED: _FAILED,
    Change.SCHEDULE: _SCHEDULE,
    Change.UNSCHEDULE: _UNSCHEDULE,
    Change.PASSED: _PASSED,
}
"""The statement of each change; its one parameter is a JSON array of rows."""
_COLUMNS = """id, name, arguments, key, schedule, priority, status, attempts, created_at, due_at,
    ended_at, result, error"""


class SqliteRecords:
    """The rows in one transaction of a connection; a `TaskRecords`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def claim(self, name: str, now: float, held: Sequence[int], limit: int) -> Sequence[Row]:
        """See `TaskRecords`; all are this process's, so nothing is to be noted."""
        wanted = {"name": name, "now": now, "held": json.dumps(held), "limit": limit}
        found: list[Row] = json.loads(self._connection.execute(_NEXT, wanted).fetchone()[0])
        return found

    def next_due(self, name: str, now: float) -> float | None:
        """Return when the first of a name's later tasks is due; it looks at all that wait."""
        found = self._connection.execute(_LATER, {"name": name, "now": now}).fetchone()
        due: float | None = json.loads(found[0])
        return due

    def find_ended(self, ids: Sequence[int]) -> list[TaskRecord]:
        """Return those of the tasks that have ended."""
        found = self._connection.execute(
            f"SELECT {_COLUMNS} FROM task WHERE status != 'waiting' "  # noqa: S608 - ours
            "AND id IN (SELECT value FROM json_each(?))",
            (json.dumps(ids),),
        )
        return [task_record(row) for row in found]

    def find_tasks(self, status: DurableStatus | None, limit: int) -> list[TaskRecord]:
        """Return the newest tasks, of one status or of all, newest first."""
        found = self._connection.execute(
            f"SELECT {_COLUMNS} FROM task WHERE ?1 IS NULL OR status = ?1 "  # noqa: S608 - ours
            "ORDER BY id DESC LIMIT ?2",
            (status, limit),
        )
        return [task_record(row) for row in found]

    def find_task(self, task_id: int) -> TaskRecord | None:
        """Return one task."""
        query = f"SELECT {_COLUMNS} FROM task WHERE id = ?"  # noqa: S608 - our own columns
        row = self._connection.execute(query, (task_id,)).fetchone()
        return None if row is None else task_record(row)

    def count_tasks(self, name: str | None = None) -> dict[str, int]:
        """Return how many tasks there are of each status, of one name or of all."""
        found = self._connection.execute(
            "SELECT status, count(*) FROM task WHERE ?1 IS NULL OR name = ?1 GROUP BY status",
            (name,),
        )
        counts = dict(found.fetchall())
        return {status.value: counts.get(status.value, 0) for status in DurableStatus}

    def requeue(self, ids: Sequence[int] | None) -> list[int]:
        """Let dead letters begin anew, all if no ids are given; returns those that do."""
        found = self._connection.execute(
            """UPDATE task SET status = 'waiting', attempts = 0, ended_at = NULL,
                due_at = created_at
            WHERE status = 'dead' AND (?1 IS NULL OR id IN (SELECT value FROM json_each(?1)))
            RETURNING id""",
            (None if ids is None else json.dumps(ids),),
        )
        return sorted(row[0] for row in found.fetchall())

    def purge(self, status: DurableStatus, ended_before: float) -> int:
        """Delete tasks that ended before then (seconds since the epoch); returns how many."""
        return self._connection.execute(
            "DELETE FROM task WHERE status = ? AND ended_at < ?",
            (status, ended_before),
        ).rowcount

    def expire(self, ended_before: float, keep: int) -> int:
        """Delete some of the done tasks that are too old or too many; returns how many."""
        return self._connection.execute(
            """DELETE FROM task WHERE id IN (
                SELECT id FROM task INDEXED BY task_done
                WHERE status = 'done' AND ended_at <= max(?, ifnull((
                    SELECT ended_at FROM task INDEXED BY task_done
                    WHERE status = 'done' ORDER BY ended_at DESC LIMIT 1 OFFSET ?), 0))
                LIMIT 1000)""",
            (ended_before, keep),
        ).rowcount

    def first_number(self) -> int:
        """Return a number that no task ever had."""
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'task'"
        row = self._connection.execute(query).fetchone()
        return 1 if row is None else int(row[0]) + 1

    def schedules(self) -> list[ScheduleRecord]:
        """Return all periodic tasks."""
        return [ScheduleRecord(*row) for row in self._connection.execute(_SCHEDULES)]

    def schedule(self, name: str) -> ScheduleRecord | None:
        """Return one periodic task."""
        row = self._connection.execute(f"{_SCHEDULES} WHERE name = ?", (name,)).fetchone()
        return None if row is None else ScheduleRecord(*row)


def note_crashes(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Count an attempt for each task that was running when its process ended."""
    connection.execute(_CRASHED, (json.dumps(ids),))
