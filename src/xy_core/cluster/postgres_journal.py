"""One journal for several engines: tasks that are claimed, leases that are kept, and a fence."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import structlog

from xy_core.cluster.postgres import CHANNEL, Database
from xy_core.cluster.postgres_records import (
    BY_KEY,
    OTHERS,
    OUTCOMES,
    PostgresRecords,
    tell,
)
from xy_core.core.config import JournalConfig
from xy_core.core.errors import ConfigError, JournalError
from xy_core.core.journal_store import Attendance, Marks, Rows
from xy_core.core.records import Row, Written

log = structlog.get_logger("journal")

_LEASE = 0.75
_BEAT = 0.2
_LOOK = 0.1
"""Parts of the configured time: after the last sign of life others wait for `_LEASE` and see it
within `_LOOK`, so that together with their claim they are done within the whole."""
_LONGEST_LOOK = 0.25
_SLICE = 500

_ENTER = """
    INSERT INTO engine (host, pid, version, leased_until)
    VALUES (%(host)s, %(pid)s, %(version)s, clock_timestamp() + make_interval(secs => %(lease)s))
    RETURNING id"""
_STAY = """
    UPDATE engine SET seen_at = clock_timestamp(),
        leased_until = clock_timestamp() + make_interval(secs => %s)
    WHERE id = %s"""
_THERE = """
    SELECT extract(epoch FROM clock_timestamp())::float8,
        EXISTS (SELECT FROM engine WHERE id = %(engine)s),
        EXISTS (SELECT FROM engine WHERE leased_until < clock_timestamp() AND id != %(engine)s)"""
_DEAD = """
    SELECT id FROM engine WHERE leased_until < clock_timestamp() AND id != %s
    FOR UPDATE SKIP LOCKED"""
_FREE = """
    UPDATE task SET owner = NULL, attempts = attempts + 1, error = 'its engine ended while it ran'
    WHERE owner = ANY(%s) AND status = 'waiting'"""
_GIVE_BACK = "UPDATE task SET owner = NULL WHERE owner = %s AND NOT id = ANY(%s)"
_LEAVE = "DELETE FROM engine WHERE id = ANY(%s)"


class _Unmarked:
    """Marks nothing: the others count an attempt for all that a dead engine had claimed."""

    def enter(self, number: int) -> int:  # noqa: ARG002 - see `Marks`
        return -1

    def leave(self, place: int) -> None:
        pass


class PostgresStore:
    """A PostgreSQL database that several engines share; a `JournalStore`.

    An engine has a number and a lease, which it renews. It claims tasks (``FOR UPDATE SKIP
    LOCKED``) by writing its number into them. When its lease is over, any other engine frees its
    tasks and deletes its number, in one transaction; a number is never used again, and outcomes
    are taken from the number that stands in the task alone. So an engine that was only paused
    cannot record anything for a task that another has. All times are the database's.

    Attributes:
        shared: other engines take tasks from it, too.
        look: seconds between two looks at what others have done.
        window: tasks of one name that are claimed at a time.
        running: marks nothing.
    """

    shared: bool = True

    def __init__(self, config: JournalConfig) -> None:
        """Prepare; nothing is connected.

        Raises:
            ConfigError: the configuration names no database.
            JournalError: its address is none.
            MissingExtraError: psycopg is not installed.
        """
        self._database = _database(config, self._greet)
        self.look = min(_LONGEST_LOOK, config.lease * _LOOK)
        self.window = config.claim
        self.running: Marks = _Unmarked()
        self._config = config
        self._engine = 0
        self._claimed: set[int] = set()
        self._version = 0
        self._stayed_at = 0.0
        self._looked_at = 0.0
        self._clock = (time.time(), time.monotonic())

    # -- life --------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, and take a number."""
        with self._database.connection() as connection:
            self._enter(connection)
        self.attend()

    def close(self) -> None:
        """Give back what is claimed, and the number."""
        try:
            with self._database.transaction() as connection:
                connection.execute(_GIVE_BACK, (self._engine, []))
                connection.execute(_LEAVE, ([self._engine],))
                tell(connection)
        except JournalError as error:
            log.warning("what is claimed waits for its lease to end", reason=str(error))
        finally:
            self._database.close()

    def now(self) -> float:
        """Return the database's seconds since the epoch."""
        told, at = self._clock
        return told + time.monotonic() - at

    def attend(self) -> Attendance:
        """Renew the lease, free what dead engines have, hear whether others have written."""
        with self._database.connection() as connection:
            begun = time.monotonic()
            given = {"engine": self._engine}
            told, here, others_died = connection.execute(_THERE, given).fetchone()
            now = time.monotonic()
            self._clock = (told, (begun + now) / 2)
            if here and now > self._stayed_at + self._config.lease * _BEAT:
                here = self._stay(connection)
            if not here:
                self._claimed.clear()
                self._enter(connection)
            if others_died:
                self._free_what_the_dead_have(connection)
        if now > self._looked_at + self._config.lease:
            self._looked_at = now
            self._version += 1  # whatever was missed, it is seen once a lease
        return Attendance(self._version, lost=not here)

    # -- rows --------------------------------------------------------------------------------

    def write(self, promises: Rows, facts: Rows, by_key: Sequence[Row]) -> Written:
        """Write changes in one transaction; see `JournalStore`."""
        durable = bool(promises) and self._config.synchronous == "full"
        put: set[int] = set()
        taken: set[int] = set()
        with self._database.transaction() as connection:
            connection.execute(f"SET LOCAL synchronous_commit TO {'on' if durable else 'off'}")
            for changes in (promises, facts):
                for change, rows in changes.items():
                    if change in OUTCOMES:
                        put |= {row[0] for row in rows}
                        mine = [row for row in rows if row[0] in self._claimed]
                        taken |= self._execute(connection, OUTCOMES[change], mine)
                    else:
                        self._execute(connection, OTHERS[change], rows)
            found = self._find_keys(connection, by_key) if by_key else {}
            tell(connection)
        self._claimed -= put
        return Written(found, frozenset(put - taken))

    @contextmanager
    def transaction(self) -> Iterator[PostgresRecords]:
        """Read, or change a little; see `JournalStore`."""
        with self._database.transaction() as connection:
            records = PostgresRecords(connection, self._engine, self._config.max_payload)
            yield records
        self._claimed.update(records.claimed)

    # -- inside ------------------------------------------------------------------------------

    def _greet(self, connection: Any) -> None:  # noqa: ANN401 - of an optional library
        """Listen to the others, and give back what was claimed without our hearing of it."""
        me = connection.info.backend_pid

        def hear(notice: Any) -> None:  # noqa: ANN401
            if notice.pid != me:
                self._version += 1

        connection.add_notify_handler(hear)
        connection.execute(f"LISTEN {CHANNEL}")
        connection.execute(_GIVE_BACK, (self._engine, list(self._claimed)))
        self._version += 1

    def _enter(self, connection: Any) -> None:  # noqa: ANN401
        who = {"host": socket.gethostname(), "pid": os.getpid(), "version": version("xy-core")}
        given = who | {"lease": self._config.lease * _LEASE}
        (self._engine,) = connection.execute(_ENTER, given).fetchone()
        self._stayed_at = time.monotonic()

    def _stay(self, connection: Any) -> bool:  # noqa: ANN401
        stayed_at = time.monotonic()
        lease = self._config.lease * _LEASE
        stays: bool = connection.execute(_STAY, (lease, self._engine)).rowcount == 1
        self._stayed_at = stayed_at
        return stays

    def _free_what_the_dead_have(self, connection: Any) -> None:  # noqa: ANN401
        """Free their tasks, then forget them; a claim of theirs waits, and finds itself dead."""
        with connection.transaction():
            dead = [row[0] for row in connection.execute(_DEAD, (self._engine,)).fetchall()]
            freed = connection.execute(_FREE, (dead,)).rowcount
            connection.execute(_LEAVE, (dead,))
            tell(connection)
        self._version += 1
        if dead:
            log.warning("took the tasks of engines that died", engines=dead, count=freed)

    def _execute(self, connection: Any, statement: str, rows: Sequence[Row]) -> set[int]:  # noqa: ANN401
        found: set[int] = set()
        for begin in range(0, len(rows), _SLICE):
            given = {"rows": json.dumps(rows[begin : begin + _SLICE]), "engine": self._engine}
            done = connection.execute(statement, given)
            if done.description is not None:
                found.update(row[0] for row in done.fetchall())
        return found

    def _find_keys(self, connection: Any, asked: Sequence[Row]) -> dict[str, Row]:  # noqa: ANN401
        rows = connection.execute(BY_KEY, (json.dumps(asked),)).fetchall()
        found: dict[str, Row] = {row[0]: row[1:] for row in rows}
        if len(found) < len(asked):
            raise JournalError("a task of that key was deleted meanwhile: submit it again")
        return found


@contextmanager
def open_records(config: JournalConfig) -> Iterator[PostgresRecords]:
    """Look at a shared journal, or change a little, without being one of its engines.

    Raises:
        JournalError: it cannot be used.
    """
    database = _database(config)
    try:
        with database.transaction() as connection:
            yield PostgresRecords(connection)
    finally:
        database.close()


def _database(config: JournalConfig, when_made: Any = None) -> Database:  # noqa: ANN401
    if config.url is None:
        raise ConfigError("no shared journal is configured: set journal.url")
    return Database(config.url.get_secret_value(), when_made)
