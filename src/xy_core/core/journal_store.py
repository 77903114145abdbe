"""Where a journal's tasks are kept: what a database must offer to be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from xy_core.core.records import (
    Change,
    DurableStatus,
    Row,
    ScheduleRecord,
    TaskRecord,
    Written,
)

Rows = Mapping[Change, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Attendance:
    """What an engine hears when it shows that it lives.

    Attributes:
        version: changes when somebody else has written.
        lost: whether others took its tasks, since it had not shown itself for too long.
    """

    version: int
    lost: bool = False


class Marks(Protocol):
    """Notes which tasks run now; any thread may call it."""

    def enter(self, number: int) -> int:
        """Note that a task runs; returns its place."""

    def leave(self, place: int) -> None:
        """Note that the task at that place runs no more."""


class TaskRecords(Protocol):
    """The rows of the journal, in one transaction."""

    def claim(self, name: str, now: float, held: Sequence[int], limit: int) -> Sequence[Row]:
        """Take the tasks of a name that should run next, those already held excluded.

        Returns:
            Rows: id, arguments, attempts, priority, key, schedule, error.
        """

    def next_due(self, name: str, now: float) -> float | None:
        """Return when the first of a name's later tasks is due; it looks at all that wait."""

    def find_tasks(self, status: DurableStatus | None, limit: int) -> list[TaskRecord]:
        """Return the newest tasks, of one status or of all, newest first."""

    def find_ended(self, ids: Sequence[int]) -> list[TaskRecord]:
        """Return those of the tasks that have ended."""

    def find_task(self, task_id: int) -> TaskRecord | None:
        """Return one task."""

    def count_tasks(self, name: str | None = None) -> dict[str, int]:
        """Return how many tasks there are of each status, of one name or of all."""

    def requeue(self, ids: Sequence[int] | None) -> list[int]:
        """Let dead letters begin anew, all if no ids are given; returns those that do."""

    def purge(self, status: DurableStatus, ended_before: float) -> int:
        """Delete tasks that ended before then (seconds since the epoch); returns how many."""

    def expire(self, ended_before: float, keep: int) -> int:
        """Delete some of the done tasks that are too old or too many; returns how many."""

    def first_number(self) -> int:
        """Return the number of this process's first task; the others count on from it."""

    def schedules(self) -> list[ScheduleRecord]:
        """Return all periodic tasks."""

    def schedule(self, name: str) -> ScheduleRecord | None:
        """Return one periodic task."""


class JournalStore(Protocol):
    """A database that a journal writes to; its methods block, and one thread calls them.

    Attributes:
        shared: whether other engines take tasks from it, too: then a task must be claimed before
            it runs, and one that is awaited here may end elsewhere.
        look: seconds between two looks at what others have done.
        window: tasks of one name in memory.
        running: marks the tasks that run now.
    """

    shared: bool
    look: float
    window: int
    running: Marks

    def open(self) -> None:
        """Open it, and count an attempt for each task that ran when this program last ended.

        Raises:
            JournalError: it cannot be used; it is left as it was.
        """

    def close(self) -> None:
        """Let it go, and with it all that was claimed."""

    def now(self) -> float:
        """Return the seconds since the epoch by the clock that all its engines share.

        Any thread may call it.
        """

    def attend(self) -> Attendance:
        """Show that this engine lives, and free what those have that do not.

        Raises:
            JournalError: the database failed.
        """

    def write(self, promises: Rows, facts: Rows, by_key: Sequence[Row]) -> Written:
        """Write changes in one transaction, then say which tasks have certain keys.

        Args:
            promises: somebody waits until they are on the disk.
            facts: they may be lost with the power, but not with the process.
            by_key: rows: any number, name, key.

        Raises:
            JournalError: the database failed; nothing was written.
        """

    def transaction(self) -> AbstractContextManager[TaskRecords]:
        """Read, or change a little, in a transaction of its own.

        Raises:
            JournalError: the database failed; nothing was changed.
        """
