"""Devices by their names in the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from xy_core.core import open_device as opening
from xy_core.core.config import DeviceConfig
from xy_core.core.device import Device, DeviceKind
from xy_core.core.errors import ConfigError, DeviceLost
from xy_core.core.open_device import open_device
from xy_core.core.sim_device import SimDevice
from xy_core.settings import load_settings

GIB = 2**30


def test_a_simulated_device_is_as_configured():
    sim = {"speed": 2.0, "batch_efficiency": 1.3, "return_delay": 0.1, "foreign": "1GiB"}
    device = open_device(
        DeviceConfig(name="sim:0", memory="8GiB", load_bandwidth="2GiB", sim=sim)  # type: ignore[arg-type]
    )
    assert isinstance(device, SimDevice)
    assert (device.name, device.kind) == ("sim:0", DeviceKind.SIM)
    assert device.read_memory().total == 8 * GIB
    assert device.read_memory().free == 7 * GIB
    assert device.load_bandwidth == 2 * GIB
    assert device.batch_cost(4) == pytest.approx(4 / 1.3)


def test_a_simulated_device_needs_a_size():
    with pytest.raises(ConfigError, match="'sim:0' needs a size: memory = \"8GiB\""):
        open_device(DeviceConfig(name="sim:0"))


def test_the_processor_is_opened_by_its_name():
    device = open_device(DeviceConfig(name="cpu", load_bandwidth=500))  # type: ignore[arg-type]
    assert device.kind is DeviceKind.CPU
    assert device.load_bandwidth == 500.0


def test_a_kind_that_does_not_exist_names_those_that_do():
    with pytest.raises(ConfigError, match=r"'tpu': there are cuda, .*sim"):
        open_device(DeviceConfig(name="tpu:0"))


def test_a_device_that_is_not_there_names_those_that_are(monkeypatch: pytest.MonkeyPatch):
    there: dict[str, Any] = {"NVIDIA": lambda: (SimDevice("cuda:0", memory=1),)}
    monkeypatch.setattr(opening, "DRIVERS", there)
    assert open_device(DeviceConfig(name="cuda")).name == "cuda:0"
    with pytest.raises(ConfigError, match="no device 'cuda:3' on this machine, but cuda:0"):
        open_device(DeviceConfig(name="cuda:3"))


def test_a_broken_driver_is_a_lost_device(monkeypatch: pytest.MonkeyPatch):
    def broken() -> Sequence[Device]:
        raise OSError("no such library")

    monkeypatch.setattr(opening, "DRIVERS", {"NVIDIA": broken})
    with pytest.raises(DeviceLost, match="no such library"):
        open_device(DeviceConfig(name="cuda:0"))


def test_the_configuration_takes_sizes_as_text():
    device = {"name": "sim:0", "memory": "8GiB", "reserve": "512MiB", "sim": {"speed": 3}}
    settings = load_settings(overrides={"scheduler": {"devices": [device]}})
    (config,) = settings.scheduler.devices
    assert config.memory == 8 * GIB
    assert config.reserve == GIB // 2
    assert config.sim is not None
    assert config.sim.speed == 3.0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": "cpu", "sim": {}}, "only devices named sim:N"),
        ({"name": "cpu", "memory": "much"}, "could not parse"),
        ({"name": "cpu", "memory": 0}, "greater than 0"),
        ({"name": "cpu", "memory": -1}, "could not parse"),
        ({"name": "cpu", "reserve": "-1GiB"}, "could not parse"),
        ({"name": "sim:0", "memory": 1, "sim": {"batch_efficiency": 5}}, "must not exceed"),
        ({"name": "sim:0", "memory": 1, "sim": {"speed": 0}}, "greater than 0"),
        ({"name": "sim:0", "memory": 1, "sim": {"sped": 1}}, "Extra inputs"),
        ({"name": ""}, "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], says: str):
    with pytest.raises(ValidationError, match=says):
        DeviceConfig(**wrong)
