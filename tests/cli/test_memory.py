"""``xy-core memory``: looked through, searched, forgotten, moved."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from xy_core.modules.memory import FactDraft, Memory
from xy_core.modules.memory.backends.sqlite import MemoryStore
from xy_core.modules.memory.types import Lesson


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A memory file with turns of two persons, and a fact that took another's place."""
    store = MemoryStore(tmp_path / "memory.db", max_turns=100)
    now = time.time()
    store.add([Memory("user", "我的猫叫[red]小黑[/]", "user", now - 86_400, "joy")])
    store.add([Memory("user", "the dark tower", "lin", now)])
    for number, text in enumerate(("I live in Wuhan", "I live in Chengdu")):
        store.learn(Lesson("user", (FactDraft(text, "home"),), now + number, "user"))
    store.close()
    return tmp_path


@pytest.mark.usefixtures("written")
def test_memories_are_listed_searched_and_shown(xy_core: Program):
    listed = json.loads(xy_core("memory", "list", "--json").stdout)["memories"]
    assert [one["role"] for one in listed] == ["fact", "former", "user"]
    table = xy_core("memory", "list", XY_LANG="zh").stdout
    assert "[red]小黑[/]" in table
    assert "编号" in table
    found = json.loads(xy_core("memory", "search", "猫", "--json").stdout)["memories"]
    assert [one["text"] for one in found] == ["我的猫叫[red]小黑[/]"]
    shown = xy_core("memory", "show", str(listed[0]["id"]), "--json").stdout
    assert [one["text"] for one in json.loads(shown)["memories"]] == [
        "I live in Chengdu",
        "I live in Wuhan",
    ]
    missing = xy_core("memory", "show", str(listed[0]["id"]), "--person", "lin")
    assert missing.returncode == 2
    assert "memory list" in missing.stderr


def test_an_export_can_be_taken_elsewhere_and_forgetting_is_asked_for(
    xy_core: Program, written: Path
):
    out = written / "all.json"
    assert xy_core("memory", "export", "--out", out, "--json").returncode == 0
    assert xy_core("memory", "forget", "1", "--yes", "--json").stdout.count('"forgotten": 1') == 1
    refused = xy_core("memory", "forget", "--person", "lin", given="n\n")
    assert refused.returncode == 1
    assert json.loads(xy_core("memory", "list", "--person", "lin", "--json").stdout)["memories"]
    again = json.loads(xy_core("memory", "import", out, "--json").stdout)
    assert again["new"] == 1
    out.write_text('{"format": "xy-core.memory", "version": 99}')
    newer = xy_core("memory", "import", out)
    assert newer.returncode == 2
    assert "newer xy-core" in newer.stderr
