"""The connection to the PostgreSQL database of a shared journal."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from xy_core.core.errors import JournalError, MissingExtraError

CHANNEL = "xy_journal"
_VERSION = 1
_LOCK = 0x78794A4F  # "xyJO": programs that begin one database together do so one after another
_SESSION = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET search_path = xy_journal"
_PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""After how long a server that says nothing counts as gone: seconds, the last in milliseconds."""


class Database:
    """One connection, made anew at its next use when it broke; for one thread.

    Attributes:
        place: host and database, without passwords.
    """

    def __init__(self, address: str, when_made: Callable[[Any], None] | None = None) -> None:
        """Prepare; nothing is connected.

        Args:
            address: a libpq connection string or URL.
            when_made: called with each connection that is made.

        Raises:
            JournalError: the address is none.
            MissingExtraError: psycopg is not installed.
        """
        self._psycopg = _library()
        try:
            told = self._psycopg.conninfo.conninfo_to_dict(address)
        except self._psycopg.Error as error:
            raise JournalError(
                f"journal.url is no address of a PostgreSQL ({str(error).strip()}): write it like "
                "postgresql://user@host/database"
            ) from error
        self.place = f"postgresql://{told.get('host', '')}/{told.get('dbname', '')}"
        self._address = address
        self._when_made = when_made
        self._connection: Any = None

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Lend psycopg's connection; a statement is a transaction of its own.

        Raises:
            JournalError: the database failed, is not there, or is of a newer xy-core.
        """
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            yield self._connection
        except self._psycopg.Error as error:
            raise JournalError(
                f"the shared journal {self.place} cannot be used ({str(error).strip()}): see that "
                "the server runs, and that journal.url names a database and a user who may "
                "create tables in it"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Lend the connection for one transaction, committed unless the block raises.

        Raises:
            JournalError: as `connection`.
        """
        with self.connection() as connection, connection.transaction():
            yield connection

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> Any:  # noqa: ANN401 - of an optional library
        connection = self._psycopg.connect(self._address, autocommit=True, **_PATIENCE)
        try:
            connection.execute(_SESSION)
            with connection.transaction():
                _prepare(connection, self.place)
            if self._when_made is not None:
                self._when_made(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: Any, place: str) -> None:  # noqa: ANN401 - of an optional library
    """Make the tables if they are not there."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    found = connection.execute("SELECT to_regclass('xy_journal.schema_version')").fetchone()[0]
    if found is None:
        schema = files("xy_core.cluster").joinpath("journal.sql").read_text("utf-8")
        connection.execute(schema)
        connection.execute("INSERT INTO schema_version VALUES (%s)", (_VERSION,))
        return
    (version,) = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    if version != _VERSION:
        raise JournalError(
            f"the shared journal {place} is of a newer xy-core (schema {version}, here "
            f"{_VERSION}): install that version, or set journal.url to another database"
        )


def _library() -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise MissingExtraError("psycopg", "postgres") from error
