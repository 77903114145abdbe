"""Opens the memory file, and refuses what is not one without touching it."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path

from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from xy_core.core.errors import ConfigError

SCHEMA_VERSION = 2
_APPLICATION_ID = 0x78794D45  # "xyME", so that another program's SQLite file is not taken for ours
_BUSY_SECONDS = 5.0


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file, and create it if it is not there or empty.

    The connection may be used by any thread, one at a time.

    Raises:
        ConfigError: the file cannot be created or read, is damaged, belongs to another program
            or to a newer xy-core; it is left as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # what people said is theirs alone
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    except (OSError, ValueError, sqlite3.OperationalError) as error:
        raise ConfigError(
            f"memory file {path} cannot be opened ({error}): set memory.path to another place"
        ) from error
    except sqlite3.Error as error:
        raise ConfigError(
            f"memory file {path} is damaged or no SQLite file ({error}): move it away to begin "
            "anew, or set memory.path to another file"
        ) from error
    return connection


def _is_busy(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


# SQLite itself waits for locks, but not for the one that the change to WAL needs.
@retry(
    retry=retry_if_exception(_is_busy),
    wait=wait_random(0.01, 0.05),
    stop=stop_after_delay(_BUSY_SECONDS),
    reraise=True,
)
def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check first, and write nothing before the file is known to be ours."""
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(" ".join(verdict.split()))
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not (_is_empty(connection) or _is_ours(connection)):
        raise ConfigError(
            f"{path} is the file of another program: set memory.path to a file of its own"
        )
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"memory file {path} is of a newer xy-core (schema {version}, here {SCHEMA_VERSION}): "
            "install that version, or set memory.path to another file"
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")  # what is forgotten leaves the disk as well
    if _is_empty(connection):
        _create(connection)
    elif version < SCHEMA_VERSION:
        _run(connection, "moods.sql")


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def _is_ours(connection: sqlite3.Connection) -> bool:
    owner: tuple[int] = connection.execute("PRAGMA application_id").fetchone()
    return owner == (_APPLICATION_ID,)


def _create(connection: sqlite3.Connection) -> None:
    _run(connection, "schema.sql", "moods.sql")


def _run(connection: sqlite3.Connection, *names: str) -> None:
    """Run scripts, and mark the file as ours and as of this version, all or nothing."""
    folder = files("xy_core.modules.memory.backends")
    script = "\n".join(folder.joinpath(name).read_text("utf-8") for name in names)
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{script}\nPRAGMA application_id = {_APPLICATION_ID};\n"
        f"PRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
    )
