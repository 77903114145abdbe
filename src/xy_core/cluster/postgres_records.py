"""The journal's rows in PostgreSQL: what can be asked and done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xy_core.core.records import (
    Change,
    DurableStatus,
    Row,
    ScheduleRecord,
    TaskRecord,
    task_record,
)

_NUMBERS = 1_000_000_000
"""Tasks that an engine may number: its own number goes before theirs."""

OUTCOMES = {
    Change.DONE: """
        UPDATE task SET status = 'done', ended_at = (r->>1)::float8, result = r->>2, error = NULL,
            owner = NULL
        FROM json_array_elements(%(rows)s::json) AS r
        WHERE id = (r->>0)::bigint AND owner = %(engine)s AND status = 'waiting' RETURNING id""",
    Change.FAILED: """
        UPDATE task SET status = r->>1, attempts = (r->>2)::int, due_at = (r->>3)::float8,
            ended_at = (r->>4)::float8, error = r->>5, owner = NULL
        FROM json_array_elements(%(rows)s::json) AS r
        WHERE id = (r->>0)::bigint AND owner = %(engine)s AND status = 'waiting' RETURNING id""",
}
"""Of a task whose owner is another engine, or none, no outcome is taken: that is the fence."""

OTHERS = {
    # In the order of their keys, so that two engines never wait for each other.
    Change.ADD: """
        INSERT INTO task (
            id, name, arguments, key, schedule, priority, status, attempts, created_at, due_at)
        SELECT (r->>0)::bigint, r->>1, r->>2, r->>3, r->>4, (r->>5)::int, 'waiting', 0,
            (r->>6)::float8, (r->>7)::float8
        FROM json_array_elements(%(rows)s::json) AS r ORDER BY r->>1, r->>3
        ON CONFLICT (name, key) DO NOTHING""",
    Change.SCHEDULE: """
        INSERT INTO schedule AS known (name, definition, began_at, last_due)
        SELECT r->>0, r->>1, (r->>2)::float8, (r->>2)::float8
        FROM json_array_elements(%(rows)s::json) AS r
        ON CONFLICT (name) DO UPDATE SET definition = excluded.definition,
            began_at = excluded.began_at, last_due = excluded.last_due
        WHERE known.definition != excluded.definition""",
    Change.UNSCHEDULE: """
        DELETE FROM schedule
        WHERE name IN (SELECT r->>0 FROM json_array_elements(%(rows)s::json) AS r)""",
    Change.PASSED: """
        UPDATE schedule SET last_due = greatest(last_due, (r->>1)::float8)
        FROM json_array_elements(%(rows)s::json) AS r WHERE name = r->>0""",
}

BY_KEY = """
    SELECT r->>0, task.id, task.status, task.result, task.error
    FROM json_array_elements(%s::json) AS r
    JOIN task ON task.name = r->>1 AND task.key = r->>2"""

_CLAIM = """
    UPDATE task SET owner = %(engine)s FROM (
        SELECT id, row_number() OVER () AS place FROM (
            SELECT id FROM task
            WHERE name = %(name)s AND status = 'waiting' AND owner IS NULL AND due_at <= %(now)s
            ORDER BY priority DESC, created_at, id LIMIT %(limit)s
            FOR UPDATE SKIP LOCKED) AS free) AS mine
    WHERE task.id = mine.id
    RETURNING place, task.id, left(arguments, %(longest)s), attempts, priority, key, schedule,
        error"""
_NEXT_DUE = """
    SELECT min(due_at) FROM task
    WHERE name = %s AND status = 'waiting' AND owner IS NULL AND due_at > %s"""
_COLUMNS = """id, name, left(arguments, 1048576), key, schedule, priority, status, attempts,
    created_at, due_at, ended_at, result, error"""
_REQUEUE = """
    UPDATE task SET status = 'waiting', attempts = 0, ended_at = NULL, due_at = created_at,
        owner = NULL
    WHERE status = 'dead' AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s)) RETURNING id"""
_EXPIRE = """
    DELETE FROM task WHERE id IN (
        SELECT id FROM task WHERE status = 'done' AND ended_at <= greatest(%s, coalesce((
            SELECT ended_at FROM task WHERE status = 'done'
            ORDER BY ended_at DESC OFFSET %s LIMIT 1), 0))
        LIMIT 1000 FOR UPDATE SKIP LOCKED)"""
_SCHEDULES = """
    SELECT name, definition, began_at, last_due, (SELECT count(*) FROM task
        WHERE task.schedule = schedule.name AND task.status = 'waiting')
    FROM schedule"""
_ENGINES = """
    SELECT id, host, pid, version, extract(epoch FROM started_at)::float8,
        extract(epoch FROM clock_timestamp() - seen_at)::float8, leased_until > clock_timestamp(),
        (SELECT count(*) FROM task WHERE owner = engine.id)
    FROM engine ORDER BY id"""


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """One engine of those that share the journal.

    Attributes:
        engine_id: its number.
        host: where it runs.
        pid: its process there.
        version: of its xy-core.
        started_at: in seconds since the epoch.
        silent: seconds since it was heard of.
        alive: whether its lease is not over.
        claimed: tasks that it has.
    """

    engine_id: int
    host: str
    pid: int
    version: str
    started_at: float
    silent: float
    alive: bool
    claimed: int


class PostgresRecords:
    """The rows in one transaction of a connection; a `TaskRecords`.

    Attributes:
        claimed: the tasks that were claimed in this transaction.
    """

    def __init__(self, connection: Any, engine: int = 0, longest: int = 1 << 20) -> None:  # noqa: ANN401 - of an optional library
        """Look at rows.

        Args:
            connection: psycopg's.
            engine: whose claims are made; 0: none can be.
            longest: characters of arguments that are read of a row.
        """
        self.claimed: list[int] = []
        self._connection = connection
        self._engine = engine
        self._longest = longest

    def claim(self, name: str, now: float, held: Sequence[int], limit: int) -> Sequence[Row]:  # noqa: ARG002 - what is held has an owner
        """See `TaskRecords`; an engine that counts as dead gets none."""
        lock = "SELECT 1 FROM engine WHERE id = %s FOR SHARE"
        if self._connection.execute(lock, (self._engine,)).fetchone() is None:
            return []
        wanted = {"name": name, "now": now, "limit": limit}
        wanted |= {"engine": self._engine, "longest": self._longest + 1}
        rows = sorted(self._connection.execute(_CLAIM, wanted).fetchall())
        self.claimed += [row[1] for row in rows]
        return [row[1:] for row in rows]

    def next_due(self, name: str, now: float) -> float | None:
        """Return when the first of a name's later tasks is due."""
        due: float | None = self._one(_NEXT_DUE, (name, now))
        return due

    def find_ended(self, ids: Sequence[int]) -> list[TaskRecord]:
        """Return those of the tasks that have ended."""
        where = "WHERE status != 'waiting' AND id = ANY(%s)"
        return self._tasks(where, (list(ids),))

    def find_tasks(self, status: DurableStatus | None, limit: int) -> list[TaskRecord]:
        """Return the newest tasks, of one status or of all, newest first."""
        where = "WHERE %(status)s::text IS NULL OR status = %(status)s"
        order = "ORDER BY created_at DESC, id DESC LIMIT %(limit)s"
        return self._tasks(f"{where} {order}", {"status": status, "limit": limit})

    def find_task(self, task_id: int) -> TaskRecord | None:
        """Return one task."""
        return next(iter(self._tasks("WHERE id = %s", (task_id,))), None)

    def count_tasks(self, name: str | None = None) -> dict[str, int]:
        """Return how many tasks there are of each status, of one name or of all."""
        query = """SELECT status, count(*) FROM task
            WHERE %(name)s::text IS NULL OR name = %(name)s GROUP BY status"""
        counts = dict(self._connection.execute(query, {"name": name}).fetchall())
        return {status.value: counts.get(status.value, 0) for status in DurableStatus}

    def requeue(self, ids: Sequence[int] | None) -> list[int]:
        """Let dead letters begin anew, all if no ids are given; returns those that do."""
        given = {"ids": None if ids is None else list(ids)}
        found = self._connection.execute(_REQUEUE, given).fetchall()
        tell(self._connection)
        return sorted(row[0] for row in found)

    def purge(self, status: DurableStatus, ended_before: float) -> int:
        """Delete tasks that ended before then (seconds since the epoch); returns how many."""
        query = "DELETE FROM task WHERE status = %s AND ended_at < %s"
        return int(self._connection.execute(query, (status, ended_before)).rowcount)

    def expire(self, ended_before: float, keep: int) -> int:
        """Delete some of the done tasks that are too old or too many; returns how many."""
        return int(self._connection.execute(_EXPIRE, (ended_before, keep)).rowcount)

    def first_number(self) -> int:
        """Return this engine's first task number; no other engine has had it."""
        return self._engine * _NUMBERS + 1

    def schedules(self) -> list[ScheduleRecord]:
        """Return all periodic tasks."""
        return [ScheduleRecord(*row) for row in self._connection.execute(_SCHEDULES).fetchall()]

    def schedule(self, name: str) -> ScheduleRecord | None:
        """Return one periodic task."""
        row = self._connection.execute(f"{_SCHEDULES} WHERE name = %s", (name,)).fetchone()
        return None if row is None else ScheduleRecord(*row)

    def engines(self) -> list[EngineRecord]:
        """Return the engines that share the journal, those that have just died included."""
        return [EngineRecord(*row) for row in self._connection.execute(_ENGINES).fetchall()]

    def _tasks(self, where: str, given: Any) -> list[TaskRecord]:  # noqa: ANN401 - of psycopg
        query = f"SELECT {_COLUMNS} FROM task {where}"  # noqa: S608 - our own words
        return [task_record(row) for row in self._connection.execute(query, given).fetchall()]

    def _one(self, query: str, given: Any) -> Any:  # noqa: ANN401 - of psycopg
        return self._connection.execute(query, given).fetchone()[0]


def tell(connection: Any) -> None:  # noqa: ANN401 - of an optional library
    """Wake the other engines, once the transaction is committed."""
    connection.execute("NOTIFY xy_journal")
