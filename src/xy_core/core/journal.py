"""The journal: the SQLite record of durable and periodic tasks."""

from __future__ import annotations

import asyncio
import functools
import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import structlog
from filelock import FileLock, Timeout

from xy_core.core.config import JournalConfig
from xy_core.core.database import DatabaseKind, open_database, transaction
from xy_core.core.errors import JournalError
from xy_core.core.in_flight import InFlight, in_flight_path

log = structlog.get_logger("journal")

T = TypeVar("T")
Row = Sequence[Any]
Then = Callable[[Mapping[str, Any]], None]
"""Called on the loop with the answers of the transaction, once it is on the disk."""

_APPLICATION_ID = 0x78794A4F  # "xyJO"
_SLICE = 500
"""Rows of one statement: making their JSON holds the interpreter, and with it the loop."""
_AT_ONCE = 0.0
_PACE = 0.005
"""Seconds between two transactions for outcomes that are awaited."""
_AGAIN = 1.0
"""Seconds after which facts that could not be written are tried again."""


class _Batch:
    """What will be written in one transaction."""

    __slots__ = ("answers", "facts", "facts_then", "future", "questions", "rows", "rows_then")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.rows: dict[str, list[Row]] = {}
        self.rows_then: list[Then] = []
        self.facts: dict[str, list[Row]] = {}
        self.facts_then: list[Then] = []
        self.questions: dict[str, list[Row]] = {}
        self.answers: dict[str, Any] = {}
        self.future: asyncio.Future[dict[str, Any]] = loop.create_future()


class Journal:
    """The record of one program, written by one thread in transactions of many changes.

    What is put in one step of the event loop comes into one transaction; the loop never waits for
    the disk. A change is a statement with one parameter, a JSON array of rows: the thread executes
    it once for all rows, so that it asks for the interpreter's lock a few times a transaction, and
    not for each row. All methods belong to the event loop's thread.

    Attributes:
        config: where it lies, and its bounds.
        in_flight: the tasks that run now.
        is_open: whether it can be read and written.
    """

    in_flight: InFlight

    def __init__(self, config: JournalConfig | None = None) -> None:
        self.config = config or JournalConfig()
        self.is_open = False
        self._pending = 0
        self._writing = False
        self._written_at = -math.inf
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    # -- life --------------------------------------------------------------------------------

    async def open(self) -> None:
        """Lock and open the file; harmless if it is open.

        Raises:
            JournalError: another process has it, or it cannot be used; it is left as it was.
        """
        if self.is_open:
            return
        self._loop = asyncio.get_running_loop()
        self._batch = _Batch(self._loop)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="xy-journal")
        try:
            await self._loop.run_in_executor(self._thread, self._open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self.is_open = True

    async def close(self) -> None:
        """Write what is pending and let the file go; harmless if it is closed.

        Raises:
            JournalError: the last changes could not be written.
        """
        if not self.is_open:
            return
        try:
            while self._pending or self._writing:
                await self.commit()
        finally:
            self.is_open = False
            if self._timer is not None:
                self._timer.cancel()
            try:
                await self._loop.run_in_executor(self._thread, self._close)
            finally:
                self._thread.shutdown(wait=False)

    # -- writing -----------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether more changes are pending than should be."""
        return self._pending >= self.config.queue_size

    def put(self, change: str, row: Row, then: Then | None = None) -> None:
        """Add a row that somebody waits for with `commit`; if that fails, it is not written.

        Args:
            change: SQL whose one parameter is a JSON array of rows.
            row: plain JSON types.
            then: what follows.
        """
        batch = self._batch
        batch.rows.setdefault(change, []).append(row)
        if then is not None:
            batch.rows_then.append(then)
        self._pending += 1

    def note(self, fact: str, row: Row, then: Then) -> None:
        """Add a row of what has happened: nobody waits, and it is tried until it is written.

        The arguments are those of `put`. Once the journal is closed, this does nothing.
        """
        if not self.is_open:
            return
        batch = self._batch
        batch.facts.setdefault(fact, []).append(row)
        batch.facts_then.append(then)
        self._pending += 1
        if self._due is None:
            self._write_at(self._loop.time() + self.config.commit_interval)

    def ask(self, question: str, row: Row) -> None:
        """Add a row to a question that is answered in the same transaction, after the changes."""
        self._batch.questions.setdefault(question, []).append(row)

    async def commit(self) -> dict[str, Any]:
        """Wait until all that was put is on the disk; returns the answers by question.

        Raises:
            JournalError: it could not be written; nothing of what was put is there.
        """
        if not self.is_open:
            raise JournalError("the journal is closed: nothing can be recorded any more")
        future = self._batch.future
        self._write_at(_AT_ONCE)
        return await asyncio.shield(future)

    def hurry(self) -> None:
        """Write soon, since somebody waits for what has been noted, but not for each of many."""
        self._write_at(self._written_at + _PACE)

    # -- reading -----------------------------------------------------------------------------

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call a function with the database, in a transaction of its own, after what was written.

        Raises:
            JournalError: SQLite failed; nothing was changed.
        """
        return await self._loop.run_in_executor(self._thread, self._run, work)

    async def read(self, query: str, parameters: Mapping[str, Any]) -> Any:
        """Return the JSON value that is a query's one result."""
        return await self.run(
            lambda connection: json.loads(connection.execute(query, parameters).fetchone()[0])
        )

    async def version(self) -> int:
        """Return a number that changes when another process has written."""
        found: tuple[int] = await self.run(
            lambda connection: connection.execute("PRAGMA data_version").fetchone()
        )
        return found[0]

    # -- inside, on the loop -----------------------------------------------------------------

    def _write_at(self, moment: float) -> None:
        """Write at that time of the loop's clock, unless it will be done before."""
        if self._due is not None:
            if self._due <= moment:
                return
            if self._timer is not None:
                self._timer.cancel()
        self._due = moment
        if not self._writing:
            self._timer = self._loop.call_at(moment, self._write)

    def _write(self) -> None:
        """Hand the batch to the thread."""
        self._timer = None
        batch, self._batch = self._batch, _Batch(self._loop)
        self._writing = True
        self._due = None
        self._thread.submit(self._commit, batch).add_done_callback(
            functools.partial(self._tell_written, batch)
        )

    def _tell_written(self, batch: _Batch, done: Future[None]) -> None:
        """Tell the loop, from the thread, unless it ended without closing the journal."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._written, batch, done)

    def _written(self, batch: _Batch, done: Future[None]) -> None:
        error = done.exception()
        self._written_at = self._loop.time()
        if error is None:
            self._pending -= sum(map(len, (*batch.rows.values(), *batch.facts.values())))
            for then in (*batch.rows_then, *batch.facts_then):
                then(batch.answers)
            if not batch.future.done():
                batch.future.set_result(batch.answers)
        else:
            self._failed(batch, error)
            if self._pending and self._due != _AT_ONCE:
                self._due = self._written_at + _AGAIN
        self._writing = False
        if self._due is not None:
            self._timer = self._loop.call_at(self._due, self._write)

    def _failed(self, batch: _Batch, error: BaseException) -> None:
        """Refuse what somebody waits for, and keep what has happened for the next transaction."""
        log.error("the journal cannot be written", reason=str(error))
        self._pending -= sum(map(len, batch.rows.values()))
        kept = self._batch
        for fact, rows in batch.facts.items():
            kept.facts[fact] = rows + kept.facts.get(fact, [])
        kept.facts_then[:0] = batch.facts_then
        batch.future.set_exception(error)
        batch.future.exception()  # whether anybody waits or not

    # -- inside, on the thread ---------------------------------------------------------------

    def _open(self) -> None:
        path = self.config.path
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
            self.in_flight = InFlight(in_flight_path(path))
        except BaseException:
            self._lock.release()
            raise

    def _close(self) -> None:
        self._connection.close()
        self.in_flight.close()
        self._lock.release()

    def _commit(self, batch: _Batch) -> None:
        # An outcome that a power cut takes back costs a second run, which durable tasks must bear
        # anyway: only promises are worth a wait for the disk.
        level = self.config.synchronous if batch.rows else "normal"
        self._connection.execute(f"PRAGMA synchronous = {level}")
        with _changing(self._connection, self.config.path) as connection:
            for changes in (batch.rows, batch.facts):
                for change, rows in changes.items():
                    for begin in range(0, len(rows), _SLICE):
                        connection.execute(change, (json.dumps(rows[begin : begin + _SLICE]),))
            for question, rows in batch.questions.items():
                answer = connection.execute(question, (json.dumps(rows),)).fetchone()[0]
                batch.answers[question] = json.loads(answer)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with _changing(self._connection, self.config.path) as connection:
            return work(connection)


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
