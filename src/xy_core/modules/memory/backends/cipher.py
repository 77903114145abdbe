"""Memory files that are encrypted at rest, by SQLCipher."""

from __future__ import annotations

import importlib
import sqlite3
from pathlib import Path
from typing import Any

from xy_core.core.database import Driver
from xy_core.core.errors import ConfigError, MissingExtraError

_BUSY_SECONDS = 5.0


def sqlcipher(key: str) -> Driver:
    """Return the library that opens a file with this key; SQLCipher derives the real one from it.

    Raises:
        ConfigError: the key is empty or has a NUL character.
        MissingExtraError: sqlcipher3 is not installed.
    """
    if not key or "\0" in key:
        raise ConfigError("the key of the memory file is empty or has a NUL: set another one")
    library = _library()

    def connect(path: Path) -> sqlite3.Connection:
        connection: sqlite3.Connection = library.connect(
            str(path), timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        quoted = key.replace("'", "''")
        connection.execute(f"PRAGMA key = '{quoted}'")
        return connection

    return Driver(
        connect,
        library.Error,
        library.OperationalError,
        "is damaged, or encrypted with another key, or not encrypted at all; it was left as it is",
    )


def _library() -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module("sqlcipher3.dbapi2")
    except ImportError as error:
        raise MissingExtraError("sqlcipher3-wheels", "memory-encrypted") from error
