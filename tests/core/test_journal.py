"""The journal: transactions off the loop, files that are refused, a disk that fails."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from xy_core.core.config import JournalConfig
from xy_core.core.errors import JournalError
from xy_core.core.journal import Journal
from xy_core.core.records import Change
from xy_core.core.sqlite_journal import open_journal
from xy_core.core.sqlite_records import SqliteRecords


def row(number: int, key: str | None = None) -> tuple[object, ...]:
    return (number, "step", "{}", key, None, 2, 1.0, 1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    """An open journal."""
    journal = Journal(JournalConfig(path=path))
    await journal.open()
    yield journal
    await journal.close()


def statuses(path: Path) -> dict[str, int]:
    with open_journal(path) as file:
        return SqliteRecords(file).count_tasks()


async def execute(journal: Journal, statement: str) -> list[Any]:
    return await journal.run(lambda records: records._connection.execute(statement).fetchall())


def nothing(_answers: object) -> None:
    pass


# -- writing -------------------------------------------------------------------------------------


async def test_what_is_committed_is_in_the_file(journal: Journal, path: Path):
    told: list[int] = []
    for number in range(1, 1_300):  # several statements of one transaction
        journal.put(Change.ADD, row(number), lambda _answers, number=number: told.append(number))
    assert statuses(path)["waiting"] == 0
    await journal.commit()
    assert statuses(path)["waiting"] == 1_299
    assert told == list(range(1, 1_300))


async def test_one_step_of_the_loop_is_one_transaction(journal: Journal):
    many = [journal._loop.create_task(journal.commit()) for _ in range(20)]
    batch = journal._batch
    await asyncio.gather(*many)
    assert batch.future.done()
    assert journal._batch is not batch
    version = await execute(journal, "PRAGMA data_version")
    assert version is not None


async def test_facts_are_written_before_long_without_anybody_waiting(journal: Journal, path: Path):
    journal.put(Change.ADD, row(1))
    await journal.commit()
    written = asyncio.Event()
    journal.note(Change.DONE, (1, 2.0, "5"), lambda _answers: written.set())
    await written.wait()
    assert statuses(path) == {"waiting": 0, "done": 1, "dead": 0}


async def test_a_question_is_answered_after_the_changes(journal: Journal):
    journal.put(Change.ADD, row(1, "a"))
    journal.put(Change.ADD, row(2, "a"))
    journal.ask(1, "step", "a")
    journal.ask(2, "step", "a")
    written = await journal.commit()
    assert {mine: found[0] for mine, found in written.by_key.items()} == {"1": 1, "2": 1}


async def test_closing_writes_what_is_pending(path: Path):
    journal = Journal(JournalConfig(path=path, commit_interval=1.0))
    await journal.open()
    journal.put(Change.ADD, row(1))
    await journal.commit()
    journal.note(Change.DONE, (1, 2.0, None), nothing)
    await journal.close()
    await journal.close()
    assert statuses(path)["done"] == 1
    journal.note(Change.DONE, (1, 3.0, None), nothing)
    with pytest.raises(JournalError, match="closed"):
        await journal.commit()


async def test_giving_up_the_wait_does_not_undo_the_transaction(journal: Journal, path: Path):
    journal.put(Change.ADD, row(1))
    waiting = asyncio.create_task(journal.commit())
    await asyncio.sleep(0)
    waiting.cancel()
    await journal.commit()
    assert statuses(path)["waiting"] == 1


async def test_a_failed_transaction_refuses_wishes_and_keeps_facts(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("xy_core.core.journal._AGAIN", 0.01)
    journal = Journal(JournalConfig(path=path))
    await journal.open()
    journal.put(Change.ADD, row(1))
    await journal.commit()
    # A real limit, as a full disk sets one: not a page more than there are now.
    pages = (await execute(journal, "PRAGMA page_count"))[0][0]
    await execute(journal, f"PRAGMA max_page_count = {pages}")
    written = asyncio.Event()
    journal.note(Change.DONE, (1, 2.0, json.dumps("x" * 100_000)), lambda _answers: written.set())
    journal.put(Change.ADD, (2, "step", json.dumps("x" * 100_000), None, None, 2, 1.0, 1.0))
    with pytest.raises(JournalError, match=r"journal\.db cannot be read or written.*full"):
        await journal.commit()
    assert not written.is_set()
    await execute(journal, "PRAGMA max_page_count = 100000")
    await written.wait()
    await journal.close()
    assert statuses(path) == {"waiting": 0, "done": 1, "dead": 0}


async def test_what_others_write_is_noticed(journal: Journal, path: Path):
    before = (await journal.attend()).version
    journal.put(Change.ADD, row(1))
    await journal.commit()
    assert (await journal.attend()).version == before
    with open_journal(path) as file:
        file.execute("UPDATE task SET status = 'dead', ended_at = 5")
    assert (await journal.attend()).version != before


# -- the file ------------------------------------------------------------------------------------


def refused(path: Path, reason: str) -> None:
    before = path.read_bytes()
    with pytest.raises(JournalError, match=reason) as caught:
        asyncio.run(Journal(JournalConfig(path=path)).open())
    assert str(path) in str(caught.value)
    assert "journal.path" in str(caught.value)
    assert caught.value.exit_code == 2
    assert path.read_bytes() == before
    with pytest.raises(JournalError, match=reason), open_journal(path):
        pytest.fail("it cannot be opened")
    assert path.read_bytes() == before


def make(path: Path) -> None:
    asyncio.run(_make(path))


async def _make(path: Path) -> None:
    journal = Journal(JournalConfig(path=path))
    await journal.open()
    for number in range(1, 500):
        journal.put(Change.ADD, row(number))
    await journal.commit()
    await journal.close()


def test_bytes_that_are_no_database_are_left_alone(path: Path):
    path.write_bytes(b"these are not the bytes of a journal, are they?" * 50)
    refused(path, "damaged or no SQLite file")


@pytest.mark.parametrize("keep", [100, 5_000, 30_000])
def test_a_truncated_file_is_left_alone(path: Path, keep: int):
    make(path)
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, "damaged")


def test_a_file_with_overwritten_pages_is_left_alone(path: Path):
    make(path)
    content = bytearray(path.read_bytes())
    content[4_096:12_288] = b"\xa5" * 8_192
    path.write_bytes(content)
    refused(path, "damaged")


def test_a_newer_file_is_left_alone(path: Path):
    make(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    refused(path, "newer xy-core")


def test_the_file_of_another_program_is_left_alone(path: Path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmark (url TEXT)")
    connection.close()
    refused(path, "another program")


def test_a_damaged_log_beside_the_file_costs_only_what_was_in_it(path: Path):
    make(path)
    Path(f"{path}-wal").write_bytes(b"\xa5" * 9_000)
    assert statuses(path)["waiting"] == 499


@pytest.mark.parametrize("place", [".", "file/journal.db", "nul\0byte.db"])
def test_a_place_where_no_file_can_be(tmp_path: Path, place: str):
    (tmp_path / "file").write_text("x")
    with pytest.raises(JournalError, match=r"journal\.path"):
        asyncio.run(Journal(JournalConfig(path=tmp_path / place)).open())


@pytest.mark.skipif(sys.platform != "linux", reason="needs another user's rights")
def test_a_file_that_may_not_be_written(path: Path):
    make(path)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    code = (
        "import asyncio, os, pathlib, sys\n"
        "from xy_core.core.config import JournalConfig\n"
        "from xy_core.core.errors import JournalError\n"
        "from xy_core.core.journal import Journal\n"
        "if os.getuid() == 0:\n"
        "    os.setresuid(65534, 65534, 65534)\n"  # root may write everything
        "try:\n"
        "    asyncio.run(Journal(JournalConfig(path=pathlib.Path(sys.argv[1]))).open())\n"
        "except JournalError as error:\n"
        "    print(error)\n"
    )
    try:
        for folder in list(path.parents)[1:-1]:
            if os.getuid() == 0 and folder.stat().st_mode & 0o005 != 0o005:
                folder.chmod(folder.stat().st_mode | 0o005)
        ended = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
        )
    finally:
        path.parent.chmod(0o755)
    assert "journal.path" in ended.stdout, ended.stderr
    assert statuses(path)["waiting"] == 499


def test_folders_are_made_and_the_file_is_private(tmp_path: Path):
    path = tmp_path / "a" / "b" / "journal.db"
    make(path)
    assert path.stat().st_mode & 0o077 == 0


async def test_a_second_process_is_refused_until_the_first_has_closed(journal: Journal, path: Path):
    code = (
        "import asyncio, pathlib, sys\n"
        "from xy_core.core.config import JournalConfig\n"
        "from xy_core.core.journal import Journal\n"
        "asyncio.run(Journal(JournalConfig(path=pathlib.Path(sys.argv[1]))).open())\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "in use by another process" in ended.stderr
    await journal.close()
    ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


async def test_the_command_line_may_look_and_change_beside_it(journal: Journal, path: Path):
    journal.put(Change.ADD, row(1))
    await journal.commit()
    with open_journal(path) as file:
        assert [task.task_id for task in SqliteRecords(file).find_tasks(None, 10)] == [1]


def delete_and_fail(path: Path) -> None:
    with open_journal(path) as file:
        file.execute("DELETE FROM task")
        file.execute("DELETE FROM nowhere")


async def test_a_block_that_fails_changes_nothing(journal: Journal, path: Path):
    journal.put(Change.ADD, row(1))
    await journal.commit()
    with pytest.raises(JournalError, match="no such table"):
        delete_and_fail(path)
    assert statuses(path)["waiting"] == 1
