"""Opens the devices that a configuration names."""

from __future__ import annotations

from xy_core.core.config import DeviceConfig, SimConfig
from xy_core.core.device import Device, DeviceKind
from xy_core.core.discovery import DRIVERS, MAKERS
from xy_core.core.errors import ConfigError, DeviceLost, XyCoreError
from xy_core.core.sim_device import SimDevice


def open_device(config: DeviceConfig) -> Device:
    """Return the device that a section of the configuration names.

    Raises:
        ConfigError: there is no such device, or no such kind of device.
        MissingExtraError: the library of its maker is not installed.
        DeviceLost: its driver does not work.
    """
    kind = config.name.partition(":")[0]
    if kind == "sim":
        return _simulated(config)
    if kind == DeviceKind.CLUSTER:
        raise ConfigError("the device 'cluster' is there once cluster.address names one")
    if kind not in MAKERS:
        known = ", ".join([*MAKERS, "sim"])
        raise ConfigError(f"no kind of device is called {kind!r}: there are {known}")
    try:
        devices = DRIVERS[MAKERS[kind]]()
    except XyCoreError:
        raise
    except Exception as error:
        raise DeviceLost(f"the driver of {config.name!r} does not work: {error}") from error
    for device in devices:
        if config.name in {device.name, device.name.removesuffix(":0")}:
            if config.load_bandwidth is not None:
                device.load_bandwidth = float(config.load_bandwidth)
            return device
    there = ", ".join(device.name for device in devices) or "none of that kind"
    raise ConfigError(f"no device {config.name!r} on this machine, but {there}: xy-core doctor")


def _simulated(config: DeviceConfig) -> SimDevice:
    sim = config.sim or SimConfig()
    if config.memory is None:
        raise ConfigError(f'device {config.name!r} needs a size: memory = "8GiB"')
    return SimDevice(
        config.name,
        memory=config.memory,
        load_bandwidth=float(config.load_bandwidth or 8e9),
        speed=sim.speed,
        batch_efficiency=sim.batch_efficiency,
        batch_size=sim.batch_size,
        return_delay=sim.return_delay,
        foreign=sim.foreign,
    )
