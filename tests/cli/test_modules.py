"""Which modules are installed."""

from __future__ import annotations

import json

from tests.cli.conftest import Program


def test_modules_are_listed_with_their_package(xy_core: Program):
    found = json.loads(xy_core("modules", "--json").stdout)["modules"]
    own = {module["name"]: module for module in found}
    assert {"emotion", "image", "llm", "memory", "vision", "voice"} <= set(own)
    assert own["voice"]["package"].startswith("xy-core ")
    assert own["voice"]["enabled"]
    assert not own["image"]["enabled"]


def test_the_table_says_what_a_module_does(xy_core: Program):
    assert "Speech to text" in xy_core("modules").stdout


def test_what_cannot_be_imported_is_listed_with_the_reason(xy_core: Program, tmp_path):
    info = tmp_path / "site" / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[xy_core.modules]\nbroken = no_such_package:Broken\n")
    found = json.loads(xy_core("modules", "--json", PYTHONPATH=str(info.parent)).stdout)["modules"]
    (broken,) = (module for module in found if module["name"] == "broken")
    assert "no_such_package" in broken["problem"]
