"""One real PostgreSQL, and programs that share its journal."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.core.durable_program import Program
from xy_core.cluster.postgres_journal import PostgresStore
from xy_core.core.config import JournalConfig


@contextmanager
def postgres() -> Iterator[Any]:
    """A server of its own, in a folder that the user whom the wheel runs it as may enter."""
    import pgserver  # noqa: PLC0415 - not on every machine

    with (
        tempfile.TemporaryDirectory(prefix="xypg", ignore_cleanup_errors=True) as folder,
        pgserver.get_server(Path(folder) / "data", cleanup_mode="stop") as running,
    ):
        yield running


def program(url: str, **config: Any) -> Program:
    """A program of this process; several of them are several engines."""
    given = {"lease": 2.0, **config}
    store = PostgresStore(JournalConfig(url=url, **given))
    return Program(Path(), store=store, url=url, **given)


async def until(condition: Any, seconds: float = 60.0) -> None:
    """Wait until an async function says so."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.02)
