"""The journal of one program: an SQLite file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

from filelock import FileLock, Timeout

from xy_core.core.config import JournalConfig
from xy_core.core.database import DatabaseKind, open_database, transaction
from xy_core.core.errors import JournalError
from xy_core.core.in_flight import InFlight, in_flight_path
from xy_core.core.journal_store import Attendance, Marks, Rows, TaskRecords
from xy_core.core.records import Row, Written
from xy_core.core.sqlite_records import BY_KEY, CHANGES, SqliteRecords, note_crashes

_APPLICATION_ID = 0x78794A4F  # "xyJO"
_SLICE = 500
"""Rows of one statement: making their JSON holds the interpreter, and with it the loop."""
_LOOK = 2.0


class SqliteStore:
    """An SQLite file that one process at a time runs; a `JournalStore`.

    A change is a statement with one parameter, a JSON array of rows: it is executed once for all
    rows, so that the interpreter's lock is asked for a few times a transaction, and not for each
    row.

    Attributes:
        shared: no other engine takes its tasks.
        look: seconds between two looks at what others (the command line) have done.
        window: tasks of one name in memory.
        running: the page on which the tasks that run now are marked.
    """

    shared = False
    running: Marks

    def __init__(self, config: JournalConfig) -> None:
        self.look = _LOOK
        self.window = config.window
        self._config = config

    def open(self) -> None:
        """Lock and open the file, and count an attempt for each task that ran when it ended.

        Raises:
            JournalError: another process has it, or it cannot be used; it is left as it was.
        """
        path = self._config.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path.with_name(path.name + "-lock"), thread_local=False)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise JournalError(
                f"journal {path} is in use by another process: stop that one, or set "
                "journal.path to a file of its own"
            ) from error
        except (OSError, ValueError) as error:
            raise JournalError(
                f"journal {path} cannot be opened ({error}): set journal.path to another place"
            ) from error
        try:
            self._connection = open_database(path, journal_kind())
            self._page = self.running = InFlight(in_flight_path(path))
            self._note_crashes()
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()
        self._page.close()
        self._lock.release()

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def attend(self) -> Attendance:
        """Return what changes when another process has written."""
        return Attendance(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def write(self, promises: Rows, facts: Rows, by_key: Sequence[Row]) -> Written:
        """Write changes in one transaction; see `JournalStore`."""
        # An outcome that a power cut takes back costs a second run, which durable tasks must bear
        # anyway: only promises are worth a wait for the disk.
        level = self._config.synchronous if promises else "normal"
        self._connection.execute(f"PRAGMA synchronous = {level}")
        with _changing(self._connection, self._config.path) as connection:
            for changes in (promises, facts):
                for change, rows in changes.items():
                    for begin in range(0, len(rows), _SLICE):
                        text = json.dumps(rows[begin : begin + _SLICE])
                        connection.execute(CHANGES[change], (text,))
            if not by_key:
                return Written()
            found = connection.execute(BY_KEY, (json.dumps(by_key),)).fetchone()[0]
            return Written(json.loads(found))

    @contextmanager
    def transaction(self) -> Iterator[TaskRecords]:
        """Read, or change a little; see `JournalStore`."""
        with _changing(self._connection, self._config.path) as connection:
            yield SqliteRecords(connection)

    def _note_crashes(self) -> None:
        crashed = self._page.left()
        if crashed:
            with _changing(self._connection, self._config.path) as connection:
                note_crashes(connection, crashed)
            self._page.clear()


@contextmanager
def _changing(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """Commit what the block does, or nothing of it.

    Raises:
        JournalError: SQLite failed (the disk is full, say).
    """
    try:
        with transaction(connection):
            yield connection
    except sqlite3.Error as error:
        raise JournalError(f"journal {path} cannot be read or written: {error}") from error


@contextmanager
def open_journal(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a journal beside the process that runs its tasks, to look or to change a little.

    Raises:
        JournalError: it cannot be used; it is left as it was.
    """
    with closing(open_database(path, journal_kind())) as connection, _changing(connection, path):
        yield connection


def journal_kind() -> DatabaseKind:
    """Return what tells a journal from other files."""
    schema = files("xy_core.core").joinpath("journal.sql").read_text("utf-8")
    return DatabaseKind("journal", "journal.path", _APPLICATION_ID, 1, schema, JournalError)
