"""``xy-core doctor``: what is missing, and the command that mends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xy_core.cli.app import app
from xy_core.cli.doctor import examine
from xy_core.models import ModelStore
from xy_core.settings import load_settings


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XY_MODELS__ROOT", str(tmp_path / "not" / "yet"))
    monkeypatch.setenv("XY_LANG", "en")
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def doctor(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["doctor", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_json_is_all_that_is_printed_and_names_the_command_that_mends(empty: Path):
    findings = json.loads(doctor("--json"))
    models = [finding for finding in findings if finding["area"] == "model"]
    assert "smollm2-135m-instruct" in {finding["name"] for finding in models}
    for finding in models:
        assert finding["ok"] is False
        assert finding["mend"] == f"xy-core models pull {finding['name']}"
    assert {"machine", "extra"} < {finding["area"] for finding in findings}
    assert list(empty.iterdir()) == []


@pytest.mark.usefixtures("empty")
def test_the_table_shows_names_and_commands_as_they_are_typed():
    shown = doctor()
    assert "xy-core[llm]" in shown
    assert "xy-core models pull smollm2-135m-instruct" in shown
    assert "✗" in shown


@pytest.mark.usefixtures("empty")
def test_the_table_speaks_chinese(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XY_LANG", "zh")
    assert "修复命令" in doctor()


@pytest.mark.models
def test_what_is_installed_needs_no_mending(model_store: ModelStore):
    settings = load_settings(overrides={"models": {"root": model_store.root}})
    findings = [found for found in examine(settings) if found.area == "model"]
    assert findings
    assert all(found.ok and not found.mend for found in findings)
