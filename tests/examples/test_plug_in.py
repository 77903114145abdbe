"""A package made from the template, installed by pip, is found and used in a turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import copier
import pytest

from tests.cli.conftest import ONLY_ENGLISH
from xy_core.models import ModelStore

pytestmark = pytest.mark.models
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed two plug-ins."""
    made = tmp_path_factory.mktemp("made")
    copier.run_copy(
        str(ROOT / "templates" / "module"),
        made,
        data={"name": "tea_time"},
        defaults=True,
        quiet=True,
    )
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site)]
    subprocess.run([*pip, str(made), str(ROOT / "examples" / "house_clock")], check=True)
    return site


def run(installed: Path, tmp_path: Path, models: ModelStore, *command: str) -> str:
    """Run a command as if the plug-ins were installed beside xy-core."""
    path = os.pathsep.join(filter(None, (str(installed), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        command,
        env=os.environ
        | {
            "PYTHONPATH": path,
            "XY_MODELS__ROOT": str(models.root),
            "XY_MEMORY__PATH": str(tmp_path / "memory.db"),
            "XY_LANG": "en",
        },
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_plug_ins_are_found(installed: Path, tmp_path: Path, model_store: ModelStore):
    command = str(Path(sys.executable).with_name("xy-core"))
    found = json.loads(run(installed, tmp_path, model_store, command, "modules", "--json"))
    plug_ins = {module["name"]: module for module in found["modules"]}
    assert plug_ins["tea_time"]["package"] == "xy-tea-time 0.1.0"
    assert plug_ins["house_clock"]["summary"] == "Knows what time it is."
    assert not plug_ins["house_clock"]["enabled"]
    assert plug_ins["llm"]["enabled"]


def test_plug_ins_are_used_in_a_turn(installed: Path, tmp_path: Path, model_store: ModelStore):
    command = str(Path(sys.executable).with_name("xy-core"))
    options = [*ONLY_ENGLISH[:1], 'modules=["llm","house_clock","tea_time"]', *ONLY_ENGLISH[2:]]
    said = run(
        *(installed, tmp_path, model_store, command, *options),
        *("--set", 'plugins.tea_time.fact="The kettle sings."'),
        *("ask", "--text", "What time is it?", "--json"),
    )
    notes = json.loads(said)["context"]["notes"]
    assert {note["module"] for note in notes} == {"house_clock", "tea_time"}
    assert "The kettle sings." in {note["text"] for note in notes}


def test_the_template_brings_a_test_that_passes(
    installed: Path, tmp_path: Path, model_store: ModelStore
):
    made = tmp_path / "made"
    copier.run_copy(
        str(ROOT / "templates" / "module"),
        made,
        data={"name": "tea_time"},
        defaults=True,
        quiet=True,
    )
    run(
        *(installed, tmp_path, model_store, sys.executable, "-m", "pytest", "-q"),
        *("-c", str(made / "pyproject.toml"), str(made / "tests")),
    )
