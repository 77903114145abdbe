"""The report's entry point starts, with and without models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "experiments" / "comprehensive_experiment.py"


def start(*options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(SCRIPT), *options]
    return subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)


def test_it_tells_its_options():
    done = start("--help")
    assert done.returncode == 0, done.stderr
    assert "--matrix" in done.stdout
    assert "--virtual" in start("--synthetic", "--help").stdout


def test_without_models_it_measures_synthetic_load_under_every_policy():
    done = start("--synthetic", "--virtual", "--quick", "--requests", "2", "--json")
    assert done.returncode in {0, 1}, done.stderr  # 1: two requests show less than ten
    runs = json.loads(done.stdout)["runs"]
    assert {run["policy"] for run in runs} == {"serial", "naive", "report", "xy_core"}
    assert not any(one["error"] for run in runs for one in run["requests"])
