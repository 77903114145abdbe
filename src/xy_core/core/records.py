"""The rows of durable tasks: what they hold, and how they change."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Row = Sequence[Any]
"""Plain JSON types."""


class Change(enum.Enum):
    """A way in which rows of the journal change; the text says what each of its rows is."""

    ADD = "id, name, arguments, key, schedule, priority, created_at, due_at"
    """A task; none is added if one of its name and key is there."""
    DONE = "id, ended_at, result"
    FAILED = "id, status, attempts, due_at, ended_at, error"
    SCHEDULE = "name, definition, began_at"
    """A periodic task, or another of that name."""
    UNSCHEDULE = "name"
    PASSED = "name, last_due"
    """Up to there everything of a periodic task has been run or passed over."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction tells those who took part in it.

    Attributes:
        by_key: the tasks that have the keys that were asked for: id, status, result, error.
        refused: the tasks of which no outcome was taken, since another engine has them.
    """

    by_key: dict[str, Row] = field(default_factory=dict)
    refused: frozenset[int] = frozenset()


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


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """One periodic task as the journal has it.

    Attributes:
        name: its own.
        definition: the rest, as JSON.
        began_at: from when its intervals are counted, in seconds since the epoch.
        last_due: up to where its due times are run or passed over, in seconds since the epoch.
        unfinished: its runs that wait or run.
    """

    name: str
    definition: str
    began_at: float
    last_due: float
    unfinished: int


def task_record(row: Sequence[Any]) -> TaskRecord:
    """Return the record that a row holds, its columns in the order of `TaskRecord`."""
    values: Iterator[Any] = iter(row)
    return TaskRecord(
        task_id=next(values),
        name=next(values),
        arguments=_object(next(values)),
        key=next(values),
        schedule=next(values),
        priority=next(values),
        status=DurableStatus(next(values)),
        attempts=next(values),
        created_at=next(values),
        due_at=next(values),
        ended_at=next(values),
        result=_value(next(values)),
        error=next(values),
    )


def _value(text: str | None) -> Any:
    """The value of a JSON text; text that is none, which only others can have written, as such."""
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return text


def _object(text: str) -> dict[str, Any]:
    value = _value(text)
    return value if isinstance(value, dict) else {"": value}
