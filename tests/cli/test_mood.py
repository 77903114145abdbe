"""``xy-core mood``: a person's moods, shown, exported, forgotten."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Program, only_line
from xy_core.modules.memory import MoodPoint
from xy_core.modules.memory.backends.sqlite import MemoryStore


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A memory file with moods of two persons, one of them two days old."""
    store = MemoryStore(tmp_path / "memory.db", max_turns=100)
    now = time.time()
    plain = {"intensity": 0.9, "arousal": 0.1, "mood": {"joy": 1.0}, "sources": ("text", "voice")}
    store.add(
        [],
        [
            MoodPoint("user", now - 172_800, "sadness", valence=-0.6, topic="rain", **plain),
            MoodPoint("user", now, "joy", valence=0.7, topic="[red]sun[/] 太阳", **plain),
            MoodPoint("lin", now, "fear", valence=-0.5, topic="dark", crisis=True, **plain),
        ],
    )
    store.close()
    return tmp_path


@pytest.mark.usefixtures("written")
def test_the_timeline_is_a_table_oldest_first(xy_core: Program):
    done = xy_core("mood", "timeline")
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("sadness") < done.stdout.index("joy")
    assert "[red]sun[/] 太阳" in done.stdout
    assert "text, voice" in done.stdout
    assert "dark" not in done.stdout
    assert "悲伤" in xy_core("mood", "timeline", XY_LANG="zh").stdout


@pytest.mark.usefixtures("written")
def test_the_timeline_is_json_too(xy_core: Program):
    shown = json.loads(xy_core("mood", "timeline", "--json", "--days", "1").stdout)
    assert shown["person"] == "user"
    (point,) = shown["points"]
    assert (point["emotion"], point["valence"], point["crisis"]) == ("joy", 0.7, False)
    shown = json.loads(xy_core("mood", "timeline", "--json", "--person", "lin").stdout)
    assert shown["points"][0]["crisis"] is True
    assert json.loads(xy_core("mood", "timeline", "--json", "--person", "nobody").stdout) == {
        "person": "nobody",
        "points": [],
    }


def test_an_export_holds_all_and_forgetting_leaves_nothing(xy_core: Program, written: Path):
    done = xy_core("mood", "export", "--out", written / "moods.json", "--json")
    assert json.loads(done.stdout)["points"] == 2
    kept = json.loads((written / "moods.json").read_text("utf-8"))
    assert [point["topic"] for point in kept["points"]] == ["rain", "[red]sun[/] 太阳"]

    assert xy_core("mood", "forget", given="n\n").returncode == 1
    done = xy_core("mood", "forget", "--yes", "--json")
    assert json.loads(done.stdout) == {"person": "user", "forgotten": 2}
    assert "nothing yet" in xy_core("mood", "timeline").stdout
    left = json.loads(xy_core("mood", "timeline", "--person", "lin", "--json").stdout)
    assert len(left["points"]) == 1


def test_without_a_memory_file_there_is_one_line(xy_core: Program, tmp_path: Path):
    assert "talk first" in only_line(xy_core("mood", "timeline"))
    assert not (tmp_path / "memory.db").exists()


def test_a_file_that_cannot_be_written_is_one_line(xy_core: Program, written: Path):
    line = only_line(xy_core("mood", "export", "--out", written / "memory.db" / "x.json"))
    assert "x.json" in line or "memory.db" in line


@pytest.mark.parametrize("command", ["timeline", "export", "forget"])
def test_help_has_an_example(xy_core: Program, command: str):
    assert "Example" in xy_core("mood", command, "--help").stdout
