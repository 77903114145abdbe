"""``xy-core config``: what is shown can be saved, changed and read again."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xy_core.cli.app import app
from xy_core.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("XY_CONFIG", raising=False)


def show(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_what_is_shown_is_the_configuration_it_was_made_from(tmp_path: Path):
    changes = ("--set", "llm.slots=2", "--set", "agent.name=小雨", "--set", 'modules=["llm"]')
    saved = tmp_path / "saved.toml"
    saved.write_text(show(*changes, "config", "show"), "utf-8")
    assert show("--config", str(saved), "config", "show") == saved.read_text("utf-8")
    settings = load_settings(saved)
    assert (settings.llm.slots, settings.agent.name, settings.modules) == (2, "小雨", ("llm",))


def test_json_and_toml_say_the_same():
    as_json = json.loads(show("config", "show", "--json"))
    as_toml = tomllib.loads(show("config", "show"))
    assert as_toml == without_nothing(as_json)


def without_nothing(value: object) -> object:
    """Drop what is null: TOML has no word for it."""
    if isinstance(value, dict):
        return {key: without_nothing(item) for key, item in value.items() if item is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def test_the_file_in_the_folder_is_found(tmp_path: Path):
    (tmp_path / "xy-core.toml").write_text("[llm]\nslots = 3\n")
    assert tomllib.loads(show("config", "show"))["llm"]["slots"] == 3


def test_the_environment_is_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XY_AGENT__MAX_SENTENCES", "7")
    assert tomllib.loads(show("config", "show"))["agent"]["max_sentences"] == 7


def test_the_schema_names_every_key():
    schema = json.loads(show("config", "schema"))
    assert schema["properties"].keys() == Settings.model_fields.keys()
    assert schema["additionalProperties"] is False
