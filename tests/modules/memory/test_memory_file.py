"""Files that are not what the memory module expects."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from xy_core.core.errors import ConfigError
from xy_core.modules.memory.backends.database import SCHEMA_VERSION, open_database


def refused(path: Path, reason: str) -> None:
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=reason) as caught:
        open_database(path)
    assert str(path) in str(caught.value)
    assert "memory.path" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "memory.db"
    path.write_bytes(b"these are not the bytes of a database, are they?" * 50)
    refused(path, "damaged or no SQLite file")


@pytest.mark.parametrize("keep", [100, 5_000, 30_000])
def test_a_truncated_file(tmp_path, keep):
    path = tmp_path / "memory.db"
    open_database(path).close()
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, "damaged")


def test_a_file_with_overwritten_pages(tmp_path):
    path = tmp_path / "memory.db"
    open_database(path).close()
    content = bytearray(path.read_bytes())
    content[4_096:12_288] = b"\xa5" * 8_192
    path.write_bytes(content)
    refused(path, "damaged")


def test_a_file_of_a_newer_version(tmp_path):
    path = tmp_path / "memory.db"
    connection = open_database(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    refused(path, "newer xy-core")


def test_a_database_of_another_program(tmp_path):
    path = tmp_path / "memory.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmark (url TEXT)")
    connection.close()
    refused(path, "another program")


def test_a_place_where_no_file_can_be(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file" / "memory.db", Path("nul\0byte.db")):
        with pytest.raises(ConfigError, match=r"memory\.path"):
            open_database(path)


def test_folders_are_made_and_the_file_is_private(tmp_path):
    path = tmp_path / "a" / "b" / "memory.db"
    open_database(path).close()
    assert path.stat().st_mode & 0o077 == 0
    open_database(path).close()


def test_processes_may_begin_one_file_together(tmp_path):
    path = tmp_path / "memory.db"
    code = (
        "import sys, pathlib\n"
        "from xy_core.modules.memory.backends.database import open_database\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
        "open_database(pathlib.Path(sys.argv[1])).close()\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    racing = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
    ]
    for process in racing:
        process.stdout.readline()
    for process in racing:
        process.stdin.close()
    assert [process.wait(30) for process in racing] == [0, 0, 0]
    for process in racing:
        process.stdout.close()
    open_database(path).close()
