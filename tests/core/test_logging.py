"""Logs go to stderr, at the level and in the form that were asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from xy_core.core.config import LogConfig
from xy_core.core.logging import configure_logging


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_json_lines_are_written_where_nobody_looks(capsys):
    configure_logging(LogConfig(level="info"))
    structlog.get_logger("test").info("a thing happened", size=3)
    out, err = capsys.readouterr()
    assert out == ""
    line = json.loads(err)
    assert (line["event"], line["size"], line["level"]) == ("a thing happened", 3, "info")
    assert line["timestamp"].endswith("Z")


def test_what_is_below_the_level_is_left_out(capsys):
    configure_logging(LogConfig(level="error", format="json"))
    log = structlog.get_logger("test")
    log.warning("not this")
    log.error("this")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["this"]


def test_people_get_no_json(capsys):
    configure_logging(LogConfig(level="info", format="human"))
    structlog.get_logger("test").info("a thing happened", size=3)
    err = capsys.readouterr().err
    assert "a thing happened" in err
    with pytest.raises(json.JSONDecodeError):
        json.loads(err)


def test_an_exception_is_written_out(capsys):
    configure_logging(LogConfig(format="json"))
    try:
        {}["lost"]
    except KeyError:
        structlog.get_logger("test").exception("it failed")
    assert "KeyError: 'lost'" in json.loads(capsys.readouterr().err)["exception"]
