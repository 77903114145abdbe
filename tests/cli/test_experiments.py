"""``xy-core bench soak|compare|all|stress|real`` as users run them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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


def test_virtual_stress_writes_all_its_files_and_is_compared(xy_core: Program, tmp_path: Path):
    paths = {name: tmp_path / f"stress.{name}" for name in ("json", "html", "csv")}
    soak = record(tmp_path / "soak.jsonl", 40, answered=9)
    written = [word for name in ("html", "csv") for word in (f"--{name}", paths[name])]
    load = ("bench", "stress", "--virtual", "--requests", 3)
    done = xy_core(*load, *written, "--out", paths["json"], "--soak", soak, "--json")
    assert done.returncode in {0, 1}, done.stderr
    assert json.loads(done.stdout) == json.loads(paths["json"].read_text("utf-8"))
    assert all(path.stat().st_size > 200 for path in paths.values())
    assert 'data-name="leak"' in paths["html"].read_text("utf-8")
    same = xy_core("bench", "compare", paths["json"], paths["json"], "--json")
    assert same.returncode == 0
    assert {one["direction"] for one in json.loads(same.stdout)} == {"same"}


def test_a_worse_result_ends_with_1_and_other_machines_with_2(xy_core: Program, tmp_path: Path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    xy_core("bench", "stress", "--virtual", "--requests", 3, "--out", old)
    value = json.loads(old.read_text("utf-8"))
    slower = json.loads(old.read_text("utf-8"))
    for run in slower["runs"]:
        run["seconds"] *= 2
        for one in run["requests"]:
            one["ended"] *= 2
    new.write_text(json.dumps(slower), "utf-8")
    assert xy_core("bench", "compare", old, new).returncode == 1
    assert "worse" in xy_core("bench", "compare", old, new).stdout
    old.write_text(json.dumps(value | {"virtual": False}), "utf-8")
    elsewhere = value["environment"] | {"cpu": "another"}
    new.write_text(json.dumps(value | {"virtual": False, "environment": elsewhere}), "utf-8")
    refused = xy_core("bench", "compare", old, new)
    assert refused.returncode == 2
    assert "cpu" in refused.stderr


def test_device_memory_is_told_and_sizes_are_checked(xy_core: Program):
    load = ("bench", "stress", "--virtual", "--requests", 2, "--json")
    found = json.loads(xy_core(*load, "--device-memory", "8GiB").stdout)
    assert found["environment"]["limits"] == "none; 8192 MiB of device memory, simulated"
    refused = xy_core(*load, "--device-memory", "plenty")
    assert refused.returncode == 2
    assert "16GiB" in refused.stderr


def test_a_matrix_that_is_not_here_says_what_to_fetch(xy_core: Program, tmp_path: Path):
    refused = xy_core(
        "bench", "real", "--matrix", "edge-8gb", XY_MODELS__ROOT=str(tmp_path / "models")
    )
    assert refused.returncode == 2
    assert "qwen2.5-7b-instruct" in refused.stderr
    assert "models pull --profile edge-8gb" in refused.stderr


def test_single_policies_of_real_load_are_measured(xy_core: Program):
    pytest.importorskip("diffusers")
    load = ("bench", "real", "--matrix", "random", "--requests", 2, "--quick", "--json")
    chosen = ("--policy", "xy_core", "--policy", "serial", "--policy", "serial")
    done = xy_core(*load, *chosen)
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert sorted(run["policy"] for run in runs) == ["serial", "xy_core"]


def test_an_unknown_policy_is_refused_with_those_that_there_are(xy_core: Program):
    done = xy_core("bench", "real", "--policy", "lucky")
    assert done.returncode == 2
    assert "serial" in done.stderr
    assert "xy_core" in done.stderr


def test_all_benchmarks_tell_at_once_which_model_is_missing(xy_core: Program, tmp_path: Path):
    refused = xy_core("bench", "all", XY_MODELS__ROOT=str(tmp_path / "models"))
    assert refused.returncode == 2
    assert "models pull" in refused.stderr
    assert not refused.stdout
