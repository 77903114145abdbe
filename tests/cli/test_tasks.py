"""``xy-core tasks``: looking at durable tasks, requeueing and deleting them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from xy_core.cli.app import app
from xy_core.core.errors import InputError, JournalError, XyCoreError
from xy_core.core.sqlite_journal import open_journal


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The journal's place; nothing is there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XY_JOURNAL__PATH", str(tmp_path / "journal.db"))
    monkeypatch.setenv("XY_LANG", "en")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("XY_CONFIG", raising=False)
    return tmp_path / "journal.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A journal of four tasks: 1 waits, 2 is done, 3 and 4 are dead letters."""
    rows = [
        (1, "waiting", None, None, None),
        (2, "done", 100.0, '{"x": "\u4f60"}', None),
        (3, "dead", 200.0, None, "[red]broken[/red]\x1b[2J"),
        (4, "dead", 300.0, None, "no"),
    ]
    with open_journal(path) as file:
        file.executemany(
            """INSERT INTO task (id, name, arguments, priority, status, attempts, created_at,
            due_at, ended_at, result, error)
            VALUES (?1, 'mail.send', '{"to": "ann"}', 2, ?2, 3, 50.0, 50.0, ?3, ?4, ?5)""",
            rows,
        )
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tasks", *arguments])


def listed(*arguments: str) -> list[int]:
    found = json.loads(run("list", "--json", *arguments).stdout)
    return [task["task_id"] for task in found["tasks"]]


def test_before_there_is_a_journal_there_are_no_tasks_and_none_is_made(path: Path):
    assert run("list").stdout == "no durable tasks\n"
    assert json.loads(run("list", "--json").stdout) == {"tasks": [], "counts": {}}
    assert run("purge").stdout == "purged: 0\n"
    assert run("requeue", "--all").stdout == "requeued: 0\n"
    assert not path.exists()


@pytest.mark.usefixtures("filled")
def test_tasks_are_listed_newest_first():
    assert listed() == [4, 3, 2, 1]
    assert listed("--limit", "2") == [4, 3]
    assert listed("--status", "dead") == [4, 3]
    found = json.loads(run("list", "--json", "--status", "done").stdout)
    assert found["counts"] == {"waiting": 1, "done": 1, "dead": 2}
    assert found["tasks"][0]["arguments"] == {"to": "ann"}
    assert found["tasks"][0]["result"] == {"x": "\u4f60"}


@pytest.mark.usefixtures("filled")
def test_the_table_shows_text_as_it_is():
    shown = run("list").stdout
    assert "mail.send" in shown
    assert "[red]broken[/red]·[2J" in shown.replace("\n", "")
    assert "\x1b[2J" not in shown


@pytest.mark.usefixtures("filled")
def test_the_table_speaks_chinese(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XY_LANG", "zh")
    assert "死信" in run("list").stdout
    assert "已重新排队：2" in run("requeue", "--all").stdout


@pytest.mark.usefixtures("filled")
def test_dead_letters_are_requeued():
    assert run("requeue", "3").stdout == "requeued: 1\n"
    assert listed("--status", "waiting") == [3, 1]
    assert json.loads(run("requeue", "--all", "--json").stdout) == {"requeued": [4]}
    assert listed("--status", "dead") == []
    found = json.loads(run("list", "--json", "--status", "waiting").stdout)["tasks"]
    assert {task["attempts"] for task in found if task["task_id"] != 1} == {0}


@pytest.mark.usefixtures("filled")
def test_what_is_no_dead_letter_is_not_requeued_and_neither_are_the_others():
    error = run("requeue", "3", "2", "77").exception
    assert isinstance(error, InputError)
    assert "2, 77" in str(error)
    assert listed("--status", "dead") == [4, 3]


@pytest.mark.usefixtures("filled")
def test_ended_tasks_are_deleted():
    assert run("purge", "--status", "dead", "--older-than", "99999").stdout == "purged: 0\n"
    assert run("purge", "--status", "dead").stdout == "purged: 2\n"
    assert json.loads(run("purge", "--json").stdout) == {"purged": 1}
    assert listed() == [1]


@pytest.mark.parametrize("arguments", [("requeue",), ("requeue", "1", "--all")])
def test_it_must_be_said_which(arguments: tuple[str, ...]):
    error = run(*arguments).exception
    assert isinstance(error, InputError)
    assert "--all" in str(error)


@pytest.mark.usefixtures("filled")
def test_waiting_tasks_are_never_deleted():
    assert isinstance(run("purge", "--status", "waiting").exception, InputError)
    assert 1 in listed()


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--status", "odd"),
        ("requeue", "x"),
        ("purge", "--older-than", "-1"),
        ("list", "--limit", "0"),
    ],
)
def test_what_makes_no_sense_ends_with_2(arguments: tuple[str, ...]):
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", [("list",), ("requeue", "--all"), ("purge",)])
def test_a_damaged_journal_is_said_and_left_alone(path: Path, command: tuple[str, ...]):
    path.write_bytes(b"nonsense" * 1_000)
    error = run(*command).exception
    assert isinstance(error, JournalError)
    assert isinstance(error, XyCoreError)
    assert error.exit_code == 2
    assert str(path) in str(error)
    assert path.read_bytes() == b"nonsense" * 1_000


def test_every_command_has_an_example():
    for command in ("list", "requeue", "purge"):
        assert "Example" in run(command, "--help").stdout
