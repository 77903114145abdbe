"""Opens the devices that a configuration names."""

from __future__ import annotations

import psutil

from xy_core.core.config import DeviceConfig
from xy_core.core.device import Device, DeviceKind, MemoryReading


class CpuDevice:
    """The machine's own processor and memory, used for inference."""

    kind = DeviceKind.CPU
    title = "processor"
    load_bandwidth = 1e9

    def __init__(self, name: str) -> None:
        self.name = name

    def read_memory(self) -> MemoryReading:
        """Ask the operating system."""
        memory = psutil.virtual_memory()
        return MemoryReading(memory.total, memory.available)


def open_device(config: DeviceConfig) -> Device:
    """Return the device that a section of the configuration names."""
    return CpuDevice(config.name)
