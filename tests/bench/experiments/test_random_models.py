"""Small random models of real architectures, under the policies."""

from __future__ import annotations

import pytest

from xy_core.bench.experiments.chain import Turn, parts_of
from xy_core.bench.experiments.random_models import RandomModels
from xy_core.bench.experiments.real import run_real
from xy_core.bench.experiments.shapes import make_shape
from xy_core.core.errors import MissingExtraError
from xy_core.settings import Settings


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(MissingExtraError, match="image"):
        RandomModels(1).load()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_architecture_computes_and_every_policy_serves():
    models = RandomModels(1)
    models.load()
    turn = Turn(0)
    for part in parts_of(models.chain()):
        assert part.work(turn).numel() > 0
    models.close()
    shape = make_shape("burst", requests=3, clients=0, rate=1.0, seed=1)
    found = run_real(Settings(), "random", shape, repeats=1, progress=lambda _words: None)
    assert found.policies() == ["serial", "naive", "threads", "report", "xy_core"]
    assert [check.passed for check in found.checks] == [True]
    assert all(len(run.spans) == 15 for run in found.runs)
