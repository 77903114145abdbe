"""Results of commands as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xy_core.cli.files import write_json, write_text


def test_json_is_readable_by_people_and_programs(tmp_path: Path):
    write_json(tmp_path / "out" / "turn.json", {"reply": "你好 😀", "seconds": {}})
    text = (tmp_path / "out" / "turn.json").read_text("utf-8")
    assert "你好 😀" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"reply": "你好 😀", "seconds": {}}


def test_what_is_not_json_leaves_the_old_file(tmp_path: Path):
    write_text(tmp_path / "turn.json", "old")
    with pytest.raises(TypeError):
        write_json(tmp_path / "turn.json", object())
    assert (tmp_path / "turn.json").read_text() == "old"
