"""Two programs that write and read one person's memories in one PostgreSQL."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.shared import postgres

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'xy-core[postgres]'")
pytest.importorskip("pgserver", reason="no PostgreSQL here: pip install pgserver")

PROGRAM = Path(__file__).with_name("remember.py")


async def test_each_of_two_programs_finds_what_both_have_written():
    with postgres() as server:
        async with asyncio.timeout(100):
            running = [await begin(server.get_uri(), name) for name in ("ann", "bob")]
            for process in running:  # both write at the same time, from an empty database on
                assert await process.stdout.readline() == b"written\n"
            told = [await process.communicate(b"go\n") for process in running]
    assert [out.split() for out, _ in told] == [[b"200", b"ann", b"bob"]] * 2


async def begin(address: str, name: str) -> Any:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        address,
        name,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
