"""One connection to the memory database, made anew when it broke."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from xy_core.core.errors import BackendError, ConfigError, MissingExtraError

_VERSION = 1
_LOCK = 0x78794D45  # "xyME": two programs that begin one database do so one after another
_OPTIONS = "-c statement_timeout=30s -c lock_timeout=10s -c search_path=xy_memory,public"


class PostgresConnection:
    """Gives one transaction at a time; any thread may ask.

    Attributes:
        place: host and database, without passwords.

    Args:
        address: a libpq connection string or URL.
    """

    def __init__(self, address: str) -> None:
        """Connect, and create the tables if they are not there.

        Raises:
            ConfigError: the database cannot be reached, lacks pgvector, or is of a newer xy-core.
            MissingExtraError: psycopg is not installed.
        """
        self._address = address
        self._psycopg = _library()
        self._lock = threading.Lock()
        self._closed = False
        try:
            told = self._psycopg.conninfo.conninfo_to_dict(address)
            self.place = f"postgresql://{told.get('host', '')}/{told.get('dbname', '')}"
            self._connection = self._connect()
            with self._connection.transaction():
                _prepare(self._connection)
        except self._psycopg.Error as error:
            raise ConfigError(
                f"the memory database cannot be used ({str(error).strip()}): see that it runs, has "
                "the pgvector extension, and that memory.postgres names it"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Run a block as one transaction on psycopg's connection, which it is given.

        Raises:
            BackendError: the database failed; then nothing of the block was written.
        """
        with self._lock:
            try:
                if self._connection.closed and not self._closed:
                    self._connection = self._connect()
                with self._connection.transaction():
                    yield self._connection
            except self._psycopg.Error as error:
                raise BackendError(f"memory database {self.place}: {str(error).strip()}") from error

    def close(self) -> None:
        """Close it; further transactions fail."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def _connect(self) -> Any:  # noqa: ANN401 - of an optional library
        return self._psycopg.connect(
            self._address, autocommit=True, connect_timeout=10, options=_OPTIONS
        )


def ids_of(connection: Any, statement: str, given: object) -> list[int]:  # noqa: ANN401 - as above
    """Return the first column of what a statement finds."""
    return [row[0] for row in connection.execute(statement, given)]


def _prepare(connection: Any) -> None:  # noqa: ANN401 - as above
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    script = files("xy_core.modules.memory.backends").joinpath("postgres.sql")
    found = connection.execute("SELECT to_regclass('xy_memory.schema_version')").fetchone()[0]
    if found is not None:
        (version,) = connection.execute("SELECT version FROM schema_version").fetchone()
        if version > _VERSION:
            raise ConfigError(
                f"the memory database is of a newer xy-core (schema {version}, here "
                f"{_VERSION}): install that version, or set memory.postgres to another database"
            )
        return
    connection.execute(script.read_text("utf-8"))
    connection.execute("INSERT INTO schema_version VALUES (%s)", (_VERSION,))


def _library() -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise MissingExtraError("psycopg", "postgres") from error
