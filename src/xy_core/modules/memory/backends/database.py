"""The memory file as SQLite sees it."""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path

from xy_core.core.database import SQLITE, DatabaseKind, Driver
from xy_core.core.database import open_database as open_file
from xy_core.core.errors import ConfigError

SCHEMA_VERSION = 3
_SCHEMA = ("schema.sql", "moods.sql", "facts.sql")
_APPLICATION_ID = 0x78794D45  # "xyME"


def open_database(path: Path, driver: Driver = SQLITE) -> sqlite3.Connection:
    """Open the file, and create it if it is not there or empty.

    The connection may be used by any thread, one at a time.

    Raises:
        ConfigError: the file cannot be created or read, is damaged, belongs to another program
            or to a newer xy-core; it is left as it was.
    """
    folder = files("xy_core.modules.memory.backends")
    schema = "\n".join(folder.joinpath(name).read_text("utf-8") for name in _SCHEMA)
    connection = open_file(
        path,
        DatabaseKind(
            "memory file", "memory.path", _APPLICATION_ID, SCHEMA_VERSION, schema, ConfigError
        ),
        driver,
    )
    connection.execute("PRAGMA temp_store = MEMORY")  # VACUUM writes nothing elsewhere
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")  # what is forgotten leaves the disk as well
    return connection


def open_reader(path: Path, driver: Driver = SQLITE) -> sqlite3.Connection:
    """Open a file that `open_database` has checked once more, to read only.

    A reader of its own never waits for a writer (WAL), and a writer never for it.
    """
    connection = driver.connect(path)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection
