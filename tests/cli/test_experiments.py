"""``xy-core bench soak|compare|all|stress|real`` as users run them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Program
from xy_core.bench.experiments.soak import BOUNDS

HEAD = '{"soak": 1, "environment": {"cpu": "one"}}'


def record(path: Path, minutes: int, an_hour: float = 0.0, **turns: int) -> Path:
    """A soak in which everything grows so fast."""
    rows = [HEAD]
    for moment in range(5, minutes * 60 + 1, 5):
        values = dict.fromkeys(BOUNDS, 90 + moment % 40 / 100 + an_hour * moment / 3600)
        rows.append(json.dumps({"seconds": moment, **values, "turns": turns}))
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def test_a_record_of_a_soak_is_judged(xy_core: Program, tmp_path: Path):
    path = record(tmp_path / "steady.jsonl", 60, answered=9)
    done = xy_core("bench", "soak", "--of", path, "--out", tmp_path / "soak.json")
    assert done.returncode == 0, done.stderr
    assert "steady" in done.stdout
    assert json.loads((tmp_path / "soak.json").read_text("utf-8"))["verdict"] == "steady"
    assert "平稳" in xy_core("bench", "soak", "--of", path, XY_LANG="zh").stdout


def test_growth_and_lost_requests_end_with_1(xy_core: Program, tmp_path: Path):
    grows = xy_core("bench", "soak", "--of", record(tmp_path / "a.jsonl", 60, 30.0, answered=9))
    assert (grows.returncode, "grows" in grows.stdout) == (1, True)
    short = record(tmp_path / "b.jsonl", 5, 30.0, answered=9)
    found = xy_core("bench", "soak", "--of", short, "--json")
    assert found.returncode == 0
    assert json.loads(found.stdout)["verdict"] == "too short to tell"
    lost = xy_core("bench", "soak", "--of", record(tmp_path / "c.jsonl", 60, lost=1, answered=9))
    assert lost.returncode == 1


def test_what_is_no_record_is_refused_in_one_line(xy_core: Program, tmp_path: Path):
    (tmp_path / "bad.jsonl").write_text("{}", "utf-8")
    done = xy_core("bench", "soak", "--of", tmp_path / "bad.jsonl")
    assert done.returncode == 2
    assert "no record" in done.stderr
    assert done.stderr.count("\n") == 1
