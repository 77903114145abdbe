"""The synthetic load on the virtual clock: the same schedule, and no worse than kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xy_core.bench.experiments.compare import compare, schedules
from xy_core.bench.experiments.experiment import Experiment, plan
from xy_core.bench.experiments.shapes import make_shape
from xy_core.bench.experiments.stress import run_stress
from xy_core.bench.task_chain import Profile
from xy_core.core.errors import ConfigError

BASELINE = Path(__file__).with_name("baseline.json")


def measured(seed: int = 1, shape: str = "burst") -> Experiment:
    load = make_shape(shape, requests=10, clients=3, rate=0.05, seed=seed)
    return run_stress(Profile(), load, virtual=True, seed=seed, progress=lambda _words: None)


def written(path: Path, experiment: Experiment) -> Path:
    path.write_text(json.dumps(experiment.as_json()), "utf-8")
    return path


def hashes(experiment: Experiment) -> list[tuple[str, str]]:
    return [(run.policy, run.schedule_hash()) for run in experiment.runs]


@pytest.mark.parametrize("shape", ["burst", "closed", "poisson"])
def test_the_same_seed_gives_the_same_schedule(shape):
    first, second = measured(shape=shape), measured(shape=shape)
    assert hashes(first) == hashes(second)
    assert all(len(run.spans) == 40 for run in first.runs)
    assert not [one.error for run in first.runs for one in run.requests if one.error]


def test_another_seed_gives_another_order_and_other_arrivals():
    assert plan("abcd", 3, 1) == plan("abcd", 3, 1) != plan("abcd", 3, 2)
    one, other = measured(1, "poisson"), measured(2, "poisson")
    assert dict(hashes(one)) != dict(hashes(other))


def test_nothing_is_worse_than_the_kept_baseline(tmp_path):
    verdicts = compare(BASELINE, written(tmp_path / "now.json", measured()))
    assert [one for one in verdicts if one.direction == "worse"] == []


def test_a_worse_schedule_is_noticed(tmp_path):
    value = measured().as_json()
    for run in value["runs"]:
        for one in run["requests"]:
            one["ended"] *= 1.2
        run["seconds"] *= 1.2
    (tmp_path / "slow.json").write_text(json.dumps(value), "utf-8")
    assert {one.direction for one in compare(BASELINE, tmp_path / "slow.json")} == {"worse"}


def test_figures_of_different_machines_are_not_compared(tmp_path):
    value = measured().as_json() | {"virtual": False}
    (tmp_path / "old.json").write_text(json.dumps(value), "utf-8")
    value["environment"] = value["environment"] | {"cpu": "another"}
    (tmp_path / "new.json").write_text(json.dumps(value), "utf-8")
    with pytest.raises(ConfigError, match="cpu"):
        compare(tmp_path / "old.json", tmp_path / "new.json")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"kind": 1}', "[" * 100_000, "null"])
def test_what_is_no_result_is_refused(tmp_path, text):
    (tmp_path / "bad.json").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="no result"):
        compare(BASELINE, tmp_path / "bad.json")


def test_hashes_are_kept_in_the_file(tmp_path):
    experiment = measured()
    assert schedules(written(tmp_path / "a.json", experiment)) == dict(hashes(experiment))
