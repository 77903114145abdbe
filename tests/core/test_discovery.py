"""Discovery: a driver that breaks is reported, and the rest is found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from xy_core.core import discovery
from xy_core.core.device import Device
from xy_core.core.discovery import MAKERS, DriverProblem, discover
from xy_core.core.errors import MissingExtraError
from xy_core.core.sim_device import SimDevice


def two() -> Sequence[Device]:
    lost = SimDevice("sim:1", memory=1)
    lost.fail()
    return (SimDevice("sim:0", memory=1), lost)


def broken() -> Sequence[Device]:
    raise RuntimeError("driver/library version mismatch")


def missing() -> Sequence[Device]:
    raise MissingExtraError("a library", "cuda")


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"broken": broken, "missing": missing, "two": two}
    monkeypatch.setattr(discovery, "DRIVERS", found)


@pytest.mark.usefixtures("drivers")
def test_what_is_broken_is_reported_and_the_rest_is_found():
    problems: list[DriverProblem] = []
    assert [device.name for device in discover(problems.append)] == ["sim:0"]
    assert [problem.driver for problem in problems] == ["broken", "two"]
    assert "RuntimeError: driver/library version mismatch" in problems[0].detail
    assert "sim:1" in problems[1].detail


@pytest.mark.usefixtures("drivers")
def test_what_is_broken_is_logged_if_nobody_asks():
    with capture_logs() as logs:
        discover()
    assert [entry["driver"] for entry in logs] == ["broken", "two"]


def test_on_this_machine_there_is_a_processor_at_least():
    problems: list[DriverProblem] = []
    assert discover(problems.append)[-1].name == "cpu"


def test_every_maker_has_a_driver():
    assert set(MAKERS.values()) == set(discovery.DRIVERS)
