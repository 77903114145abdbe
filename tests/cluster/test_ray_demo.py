"""The agent's demonstration, unchanged, with its language model on another node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xy_core.cli.demo import run_demo
from xy_core.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.models, pytest.mark.timeout(1_200)]


def test_the_demonstration_runs_with_its_language_model_on_another_node(
    nodes, tmp_path, model_store
):
    node = nodes.add(language=1.0)
    settings = load_settings(
        overrides={
            "offline": True,
            "models": {"root": str(model_store.root)},
            "journal": {"path": str(tmp_path / "journal.db")},
            "cluster": {"address": nodes.address},
            "engine": {"initialize_timeout": 600},
            "llm": {
                "isolation": "cluster",
                "node": {"resources": {"language": 0.1}},
                "process": {"start_timeout": 300},
            },
        }
    )
    out = tmp_path / "demo"
    run_demo(settings, out)

    turns = json.loads((out / "turns.json").read_text("utf-8"))
    assert len(turns) == 3
    assert all(turn["reply"] for turn in turns)
    written = [row for row in trace(out) if row["name"] == "llm.generate" and "duration_ms" in row]
    assert written
    for row in written:
        assert row["lane"] == "device:cluster"
        assert row["node"].endswith(node.node_id[:12])
    heard = {row["lane"] for row in trace(out) if row["name"] == "voice.transcribe"}
    assert heard == {"device:cpu"}  # all other models stayed here


def trace(out: Path) -> list[dict[str, object]]:
    return json.loads((out / "trace.json").read_text("utf-8"))
