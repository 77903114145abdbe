"""Opens an SQLite file of ours, and refuses what is not one without touching it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from xy_core.core.errors import XyCoreError

_BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DatabaseKind:
    """What tells one kind of file from another, and how messages name it.

    Attributes:
        title: what it is called: ``journal``, ``memory file``.
        setting: the setting that says where it lies.
        application_id: marks the file as ours (PRAGMA application_id), so that another program's
            SQLite file is not taken for it.
        version: of the schema (PRAGMA user_version).
        schema: the SQL that creates it and brings older versions up; harmless where it has run.
        error: the class of the errors.
    """

    title: str
    setting: str
    application_id: int
    version: int
    schema: str
    error: type[XyCoreError]


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


@dataclass(frozen=True, slots=True)
class Driver:
    """The library that reads the file: Python's own SQLite, or one that is built like it.

    Attributes:
        connect: opens a path; the connection may be used by any thread and begins no transaction.
        error: the base of the library's errors.
        refused: those that say that the file cannot be opened at all.
        unreadable: what a message says of a file whose content is not understood.
    """

    connect: Callable[[Path], sqlite3.Connection] = _connect
    error: type[Exception] = sqlite3.Error
    refused: type[Exception] = sqlite3.OperationalError
    unreadable: str = "is damaged or no SQLite file"


SQLITE = Driver()


def open_database(path: Path, kind: DatabaseKind, driver: Driver = SQLITE) -> sqlite3.Connection:
    """Open the file, and create it if it is not there or empty.

    The connection may be used by any thread, one at a time, and begins no transaction by itself.

    Raises:
        XyCoreError: (the kind's own class) the file cannot be created or read, is damaged,
            belongs to another program or to a newer xy-core; it is left as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # what stands in it is its user's alone
        connection = driver.connect(path)
        try:
            _prepare(connection, path, kind)
        except BaseException:
            connection.close()
            raise
    except (OSError, ValueError, driver.refused) as error:
        raise kind.error(
            f"{kind.title} {path} cannot be opened ({error}): set {kind.setting} to another place"
        ) from error
    except driver.error as error:
        raise kind.error(
            f"{kind.title} {path} {driver.unreadable} ({error}): move it away to begin "
            f"anew, or set {kind.setting} to another file"
        ) from error
    return connection


@contextmanager
def transaction(
    connection: sqlite3.Connection, begin: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE"
) -> Iterator[None]:
    """Commit what the block does, or nothing of it."""
    connection.execute(f"BEGIN {begin}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_busy(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


# SQLite itself waits for locks, but not for the one that the change to WAL needs.
@retry(
    retry=retry_if_exception(_is_busy),
    wait=wait_random(0.01, 0.05),
    stop=stop_after_delay(_BUSY_SECONDS),
    reraise=True,
)
def _prepare(connection: sqlite3.Connection, path: Path, kind: DatabaseKind) -> None:
    """Check first, and write nothing before the file is known to be ours."""
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(" ".join(verdict.split()))
    if not (_is_empty(connection) or _is_ours(connection, kind)):
        raise kind.error(
            f"{path} is the file of another program: set {kind.setting} to a file of its own"
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > kind.version:
        raise kind.error(
            f"{kind.title} {path} is of a newer xy-core (schema {version}, here {kind.version}): "
            f"install that version, or set {kind.setting} to another file"
        )
    connection.execute("PRAGMA journal_mode = WAL")
    if _is_empty(connection) or version < kind.version:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{kind.schema}\nPRAGMA application_id = {kind.application_id};\n"
            f"PRAGMA user_version = {kind.version};\nCOMMIT;"
        )


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _is_ours(connection: sqlite3.Connection, kind: DatabaseKind) -> bool:
    owner: tuple[int] = connection.execute("PRAGMA application_id").fetchone()
    return owner == (kind.application_id,)
