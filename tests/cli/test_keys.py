"""``xy-core keys``: making, listing and revoking keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from xy_core.cli.app import app
from xy_core.core.errors import ConfigError, InputError
from xy_core.server.security.keys import KeyStore, Scope


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys' place; nothing is there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XY_SERVER__KEYS", str(tmp_path / "keys.json"))
    monkeypatch.setenv("XY_LANG", "en")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("XY_CONFIG", raising=False)
    return tmp_path / "keys.json"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments])


def test_a_key_is_shown_once_and_kept_as_a_hash(path):
    made = run("add", "laptop")
    key = made.stdout.strip()
    assert made.exit_code == 0
    assert "keep it now" in made.stderr
    record = KeyStore(path).find(key)
    assert record is not None
    assert (record.name, record.scopes) == ("laptop", (Scope.INFERENCE,))
    assert key.rsplit("-", 1)[1] not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_scopes_are_chosen_and_json_says_all(path):
    made = json.loads(run("add", "ops", "--scope", "admin", "--scope", "memory", "--json").stdout)
    assert made["scopes"] == ["admin", "memory"]
    assert KeyStore(path).find(made["key"]) is not None
    listed = json.loads(run("list", "--json").stdout)
    assert listed == [{name: value for name, value in made.items() if name != "key"}]
    assert not {"salt", "digest"} & listed[0].keys()


def test_keys_are_listed_as_a_table(path):
    assert run("list").stdout.strip() == "no keys"
    run("add", "laptop")
    run("add", "[red]phone[/red]")
    table = run("list").stdout
    for record in KeyStore(path).records():
        assert record.id in table
    assert "laptop" in table


def test_a_key_is_revoked_by_its_id(path):
    key = run("add", "laptop").stdout.strip()
    gone = run("revoke", key.split("-")[1])
    assert gone.stdout.startswith("revoked")
    assert "(laptop)" in gone.stdout
    assert KeyStore(path).find(key) is None
    assert isinstance(run("revoke", key.split("-")[1]).exception, InputError)


@pytest.mark.parametrize("arguments", [("add", " "), ("revoke", "none")])
def test_what_cannot_be_done_is_said(arguments):
    assert isinstance(run(*arguments).exception, InputError)


def test_an_unknown_scope_is_refused():
    assert run("add", "laptop", "--scope", "everything").exit_code == 2


@pytest.mark.parametrize("content", [b"", b"{}", b"[{", b'[{"id": 1}]', b"\xff\xfe"])
def test_a_damaged_file_is_named_and_kept(path, content):
    path.write_bytes(content)
    for arguments in (("list",), ("add", "laptop"), ("revoke", "1a2b")):
        error = run(*arguments).exception
        assert isinstance(error, ConfigError)
        assert str(path) in str(error)
    assert path.read_bytes() == content


def test_texts_are_chinese_too(monkeypatch):
    monkeypatch.setenv("XY_LANG", "zh")
    assert run("list").stdout.strip() == "没有密钥"
