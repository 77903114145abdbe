"""The configuration: where values come from, which wins, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tomli_w
from pydantic import ValidationError

from xy_core.core.errors import ConfigError
from xy_core.settings import FILE_NAME, Settings, load_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run in, another for the user's configuration, and no variables."""
    for name in os.environ:
        if name.startswith("XY_"):
            monkeypatch.delenv(name)
    here, user = tmp_path / "here", tmp_path / "user"
    here.mkdir()
    user.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("xy_core.settings.platformdirs.user_config_path", lambda _name: user)
    return user


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


# -- where values come from ------------------------------------------------------------------


def test_without_any_file_there_are_defaults():
    settings = load_settings()
    assert settings.modules == ("voice", "vision", "memory", "emotion", "llm")
    assert settings.profile == "embedded"
    assert settings.offline is False


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path, monkeypatch):
    file = write(tmp_path / "my.toml", "[bus]\nqueue_size = 1\nrequest_timeout = 1\n")
    assert load_settings(file).bus.queue_size == 1
    monkeypatch.setenv("XY_BUS__QUEUE_SIZE", "2")
    assert load_settings(file).bus.queue_size == 2
    bus = load_settings(file, {"bus": {"queue_size": 3}}).bus
    assert (bus.queue_size, bus.request_timeout) == (3, 1)


def test_all_sources_are_merged_key_by_key(tmp_path, monkeypatch):
    file = write(tmp_path / "my.toml", "[scheduler.cpu]\nqueue_size = 7\n[scheduler]\naging = 3\n")
    monkeypatch.setenv("XY_SCHEDULER__FAIRNESS", "0.5")
    scheduler = load_settings(file, {"scheduler": {"history_size": 9}}).scheduler
    assert (scheduler.aging, scheduler.fairness, scheduler.history_size) == (3, 0.5, 9)
    assert scheduler.cpu == Settings().scheduler.cpu.model_copy(update={"queue_size": 7})


def test_a_lane_is_bounded_by_the_environment(monkeypatch):
    monkeypatch.setenv("XY_SCHEDULER__CPU__MAX_WORKERS", "1")
    cpu = load_settings().scheduler.cpu
    assert (cpu.min_workers, cpu.max_workers) == (1, 1)


def test_the_file_that_is_named_is_taken_before_those_that_are_found(tmp_path, home, monkeypatch):
    write(home / FILE_NAME, 'profile = "user"')
    assert load_settings().profile == "user"
    write(Path(FILE_NAME), 'profile = "here"')
    assert load_settings().profile == "here"
    monkeypatch.setenv("XY_CONFIG", str(write(tmp_path / "named.toml", 'profile = "named"')))
    assert load_settings().profile == "named"
    assert load_settings(write(tmp_path / "given.toml", 'profile = "given"')).profile == "given"


def test_one_file_does_not_leak_into_the_next_call(tmp_path):
    load_settings(write(tmp_path / "my.toml", 'profile = "mine"'))
    assert load_settings().profile == "embedded"
    assert Settings.file_values == {}


def test_a_file_from_notepad_may_begin_with_its_mark(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text('profile = "mine"', encoding="utf-8-sig")
    assert load_settings(file).profile == "mine"


def test_lists_can_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("XY_MODULES", '["llm", "emotion"]')
    monkeypatch.setenv("XY_OFFLINE", "1")
    settings = load_settings()
    assert settings.modules == ("llm", "emotion")
    assert settings.offline is True


def test_chinese_values_are_kept(tmp_path):
    file = write(tmp_path / "设置.toml", '[agent]\nname = "小雨"\n')
    assert load_settings(file).agent.name == "小雨"


def test_what_is_shown_can_be_saved_and_read_again(tmp_path):
    settings = load_settings(overrides={"profile": "mine", "bus": {"queue_size": 3}})
    text = tomli_w.dumps(settings.model_dump(mode="json", exclude_none=True))
    saved = load_settings(write(tmp_path / "saved.toml", text))
    assert saved.model_dump() == settings.model_dump()


# -- what modules get ------------------------------------------------------------------------


def test_each_module_has_its_section(tmp_path):
    file = write(tmp_path / "my.toml", '[plugins.weather]\ncity = "Hangzhou"\n')
    settings = load_settings(file)
    sections = settings.sections()
    assert sections["llm"] is settings.llm
    assert sections["weather"] == {"city": "Hangzhou"}
    assert set(sections) == {"llm", "voice", "vision", "image", "memory", "emotion", "weather"}


# -- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('colour = "red"', "unknown configuration key 'colour'"),
        ("[scheduler]\ncolour = 1", "unknown configuration key 'scheduler.colour'"),
        ("[scheduler.cpu]\ncolour = 1", "unknown configuration key 'scheduler.cpu.colour'"),
        ("[scheduler.cpu]\nmax_workers = 'many'", "'scheduler.cpu.max_workers'"),
        ("[scheduler.cpu]\nmin_workers = 3\nmax_workers = 2", "must not exceed max_workers"),
        ("scheduler = 3", "'scheduler'"),
        ('lang = "fr"', "'lang'"),
        ("modules = 'llm'", "'modules'"),
        ("[[plugins]]", "'plugins'"),
        ("modules = [", "not valid TOML"),
        ("a = 1\na = 2", "not valid TOML"),
        ("\x00", "not valid TOML"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_bad_file_is_refused_with_the_key_or_the_reason(tmp_path, text, words):
    file = write(tmp_path / "bad.toml", text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert words in str(caught.value)
    assert str(file) in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        load_settings(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00p")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(binary)


def test_a_file_that_the_environment_names_must_exist(monkeypatch):
    monkeypatch.setenv("XY_CONFIG", "nowhere.toml")
    with pytest.raises(ConfigError, match=r"nowhere\.toml does not exist"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("XY_SCHEDULER__COLOUR", "1"),
        ("XY_SCHEDULER__AGING", "soon"),
        ("XY_SCHEDULER", "{not json"),
        ("XY_MODULES", "llm"),
        ("XY_LANG", "fr"),
    ],
)
def test_a_bad_variable_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError):
        load_settings()


def test_a_bad_value_of_the_command_line_is_refused():
    with pytest.raises(ConfigError, match=r"unknown configuration key 'bus\.colour'"):
        load_settings(overrides={"bus": {"colour": "red"}})


def test_settings_never_change():
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().profile = "other"
