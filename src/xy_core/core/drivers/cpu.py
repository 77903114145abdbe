"""The machine's own processor and memory, used for inference."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

from xy_core.core.device import DeviceKind, MemoryReading
from xy_core.core.drivers.cgroups import group_memory


class CpuDevice:
    """The processor; its memory is the machine's, or what the container may use of it.

    Args:
        root: where ``proc`` and ``sys`` are.
    """

    kind = DeviceKind.CPU
    load_bandwidth = 1e9

    def __init__(self, name: str = "cpu", root: Path = Path("/")) -> None:
        self.name = name
        self.title = platform.processor() or platform.machine()
        self._root = root
        self._process = psutil.Process()

    def read_memory(self) -> MemoryReading:
        """Ask the operating system."""
        memory = psutil.virtual_memory()
        total, free = memory.total, memory.available
        group = group_memory(self._root)
        if group is not None and group.limit < total:
            total = group.limit
            free = min(free, max(0, group.limit - group.used))
        return MemoryReading(total, free, {os.getpid(): self._process.memory_info().rss})


def find() -> tuple[CpuDevice, ...]:
    """Return the processor; there always is one."""
    return (CpuDevice(),)
