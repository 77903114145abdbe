"""The connection to a PostgreSQL that several engines share."""

from __future__ import annotations

from typing import Any

from xy_core.core.errors import JournalError, MissingExtraError

_TIMEOUT = 10
"""Seconds to connect."""


async def open_connection(url: str) -> Any:  # noqa: ANN401 - of an optional library
    """Connect; statements are transactions of their own unless put into one.

    Raises:
        JournalError: the server does not answer, or does not let us in.
        MissingExtraError: psycopg is not installed.
    """
    try:
        import psycopg  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("psycopg", "cluster") from error
    try:
        return await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=_TIMEOUT)
    except psycopg.Error as error:
        raise JournalError(
            f"the shared database cannot be used ({error}): see that the server runs and that the "
            "URL names a database and a user of it"
        ) from error
