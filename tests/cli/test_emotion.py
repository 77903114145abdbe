from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Program, only_line


@pytest.mark.parametrize(
    ("text", "top"), [("I just got promoted and I am so happy!", "joy"), ("我好害怕", "fear")]
)
def test_a_text_is_read(xy_core: Program, text: str, top: str):
    body = json.loads(xy_core("emotion", text, "--json").stdout)
    assert body["top"] == top
    assert body["named"][0] == top
    assert not body["unsure"]
    assert sum(body["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert {"intensity", "valence", "arousal", "certainty", "milliseconds"} <= set(body)


def test_standard_input_is_read_and_said_in_chinese(xy_core: Program):
    done = xy_core("emotion", "-", given="今天真的好开心！", XY_LANG="zh")
    assert done.stdout.startswith("喜悦")
    assert "效价" in done.stdout


def test_nothing_is_unsure(xy_core: Program):
    assert xy_core("emotion", "").stdout.startswith("unsure")
    assert json.loads(xy_core("emotion", "?!", "--json").stdout)["named"] == []


def test_the_test_sets_must_be_there(xy_core: Program, tmp_path: Path):
    assert "test.tsv" in only_line(xy_core("eval", "emotion", "--data", tmp_path))
    assert "does not exist" in xy_core("eval", "emotion", "--data", tmp_path / "none").stderr
