"""Edge limits: what was set, by which means, and that it is put back."""

from __future__ import annotations

import os
import resource
import sys

import pynvml
import pytest

from tests.core.drivers.fake_nvml import Card, fake_nvml
from xy_core.bench.experiments import limits as limits_module
from xy_core.bench.experiments.limits import edge_limits
from xy_core.core.errors import ConfigError, MissingExtraError

GIB = 1 << 30


@pytest.fixture
def card(monkeypatch):
    made = Card()
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(made))
    return made


@pytest.fixture
def groups(monkeypatch, tmp_path):
    """A folder that looks as a cgroup (version 2) that may be written to."""
    (tmp_path / "cgroup.controllers").write_text("memory")
    (tmp_path / "cgroup.procs").write_text("")
    monkeypatch.setattr(limits_module, "_CGROUPS", tmp_path)
    return tmp_path


def test_without_limits_nothing_is_said_to_be_limited():
    with edge_limits() as said:
        assert said == "none"


def test_power_is_limited_and_put_back(card):
    with edge_limits(gpu_watts=60) as said:
        assert said == "60 W by NVML (was 115 W)"
        assert card.limit == 60_000
    assert card.limit == 115_000


def test_power_is_put_back_after_a_failure(card):
    with pytest.raises(ZeroDivisionError), edge_limits(gpu_watts=60):
        raise ZeroDivisionError
    assert card.limit == 115_000


def test_power_that_may_not_be_set_is_refused_and_left(card):
    card.permitted = False
    with pytest.raises(ConfigError, match="run as root"), edge_limits(gpu_watts=60):
        pass
    assert card.limit == 115_000


@pytest.mark.parametrize(
    "library",
    [fake_nvml(), fake_nvml(broken=pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))],
    ids=["no card", "no driver"],
)
def test_power_needs_a_device(monkeypatch, library):
    monkeypatch.setitem(sys.modules, "pynvml", library)
    with pytest.raises(ConfigError, match="leave it out"), edge_limits(gpu_watts=60):
        pass


def test_power_needs_the_binding(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(MissingExtraError, match="cuda"), edge_limits(gpu_watts=60):
        pass


def test_memory_without_a_cgroup_is_limited_for_each_process(monkeypatch, tmp_path):
    monkeypatch.setattr(limits_module, "_CGROUPS", tmp_path)
    had = resource.getrlimit(resource.RLIMIT_DATA)
    with edge_limits(memory=64 * GIB) as said:
        assert said == "65536 MiB a process by rlimit"
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] == 64 * GIB
    assert resource.getrlimit(resource.RLIMIT_DATA) == had


def test_several_limits_are_told_together(card, monkeypatch, tmp_path):
    monkeypatch.setattr(limits_module, "_CGROUPS", tmp_path)
    with edge_limits(cores=1, memory=64 * GIB, gpu_watts=50) as said:
        assert said.split("; ")[0] == "1 cores by affinity"
        assert len(said.split("; ")) == 3
        assert len(os.sched_getaffinity(0)) == 1
    assert card.limit == 115_000


def test_a_cgroup_that_may_not_be_made_leaves_nothing(groups, monkeypatch):
    monkeypatch.setattr(limits_module, "_join_group", _refuse)
    with edge_limits(memory=64 * GIB) as said:
        assert "rlimit" in said
    assert sorted(path.name for path in groups.iterdir()) == [
        "cgroup.controllers",
        "cgroup.procs",
    ]


def _refuse(_size: int) -> None:
    raise PermissionError
