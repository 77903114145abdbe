"""The journal: the record of durable and periodic tasks."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import structlog

from xy_core.core.config import JournalConfig
from xy_core.core.errors import JournalError
from xy_core.core.journal_store import Attendance, JournalStore, Rows, TaskRecords
from xy_core.core.records import Change, Row, Written
from xy_core.core.sqlite_journal import SqliteStore

log = structlog.get_logger("journal")

T = TypeVar("T")
Then = Callable[[Written], None]
"""Called on the loop with what the transaction tells, once it is written."""

_AT_ONCE = 0.0
_PACE = 0.005
"""Seconds between two transactions for outcomes that are awaited."""
_AGAIN = 1.0
"""Seconds after which facts that could not be written are tried again."""


class _Batch:
    """What will be written in one transaction."""

    __slots__ = ("by_key", "facts", "facts_then", "future", "promises", "promises_then")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.promises: dict[Change, list[Row]] = {}
        self.promises_then: list[Then] = []
        self.facts: dict[Change, list[Row]] = {}
        self.facts_then: list[Then] = []
        self.by_key: list[Row] = []
        self.future: asyncio.Future[Written] = loop.create_future()


class Journal:
    """The record of one program, written by one thread in transactions of many changes.

    What is put in one step of the event loop comes into one transaction; the loop never waits for
    the disk, or the database. All methods belong to the event loop's thread.

    Attributes:
        config: where it lies, and its bounds.
        store: the database.
        is_open: whether it can be read and written.
    """

    def __init__(
        self, config: JournalConfig | None = None, store: JournalStore | None = None
    ) -> None:
        """Prepare it; nothing is opened.

        Args:
            config: where it lies, and its bounds.
            store: the database; the SQLite file that the configuration names if not given.
        """
        self.config = config or JournalConfig()
        self.store = store or SqliteStore(self.config)
        self.is_open = False
        self._pending = 0
        self._writing = False
        self._written_at = -math.inf
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    # -- life --------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the database; harmless if it is open.

        Raises:
            JournalError: it cannot be used; it is left as it was.
        """
        if self.is_open:
            return
        self._loop = asyncio.get_running_loop()
        self._batch = _Batch(self._loop)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="xy-journal")
        try:
            await self._loop.run_in_executor(self._thread, self.store.open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self.is_open = True

    async def close(self) -> None:
        """Write what is pending and let the database go; harmless if it is closed.

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
                await self._loop.run_in_executor(self._thread, self.store.close)
            finally:
                self._thread.shutdown(wait=False)

    # -- writing -----------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether more changes are pending than should be."""
        return self._pending >= self.config.queue_size

    def put(self, change: Change, row: Row, then: Then | None = None) -> None:
        """Add a row that somebody waits for with `commit`; if that fails, it is not written.

        Args:
            change: what the row means.
            row: plain JSON types.
            then: what follows.
        """
        batch = self._batch
        batch.promises.setdefault(change, []).append(row)
        if then is not None:
            batch.promises_then.append(then)
        self._pending += 1

    def note(self, fact: Change, row: Row, then: Then) -> None:
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

    def ask(self, number: int, name: str, key: str) -> None:
        """Ask which task has that name and key, after the changes of the same transaction."""
        self._batch.by_key.append((number, name, key))

    async def commit(self) -> Written:
        """Wait until all that was put is on the disk; returns what the transaction tells.

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

    def now(self) -> float:
        """Return the seconds since the epoch by the clock of all who share the journal."""
        return self.store.now()

    async def run(self, work: Callable[[TaskRecords], T]) -> T:
        """Call a function with the rows, in a transaction of its own, after what was written.

        Raises:
            JournalError: the database failed; nothing was changed.
        """
        return await self._loop.run_in_executor(self._thread, self._run, work)

    async def attend(self) -> Attendance:
        """Show that this program lives, and hear whether others have written.

        Raises:
            JournalError: the database failed.
        """
        return await self._loop.run_in_executor(self._thread, self.store.attend)

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

    def _tell_written(self, batch: _Batch, done: Future[Written]) -> None:
        """Tell the loop, from the thread, unless it ended without closing the journal."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._written, batch, done)

    def _written(self, batch: _Batch, done: Future[Written]) -> None:
        error = done.exception()
        self._written_at = self._loop.time()
        if error is None:
            written = done.result()
            self._pending -= _count(batch.promises) + _count(batch.facts)
            for then in (*batch.promises_then, *batch.facts_then):
                then(written)
            if not batch.future.done():
                batch.future.set_result(written)
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
        self._pending -= _count(batch.promises)
        kept = self._batch
        for fact, rows in batch.facts.items():
            kept.facts[fact] = rows + kept.facts.get(fact, [])
        kept.facts_then[:0] = batch.facts_then
        batch.future.set_exception(error)
        batch.future.exception()  # whether anybody waits or not

    # -- inside, on the thread ---------------------------------------------------------------

    def _commit(self, batch: _Batch) -> Written:
        return self.store.write(batch.promises, batch.facts, batch.by_key)

    def _run(self, work: Callable[[TaskRecords], T]) -> T:
        with self.store.transaction() as records:
            return work(records)


def _count(rows: Rows) -> int:
    return sum(map(len, rows.values()))
