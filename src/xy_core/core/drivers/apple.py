"""Apple's devices: one memory for processor and graphics."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable

import psutil

from xy_core.core.device import DeviceKind, MemoryReading

_LARGE = 36 * 2**30
"""Bytes of memory above which macOS lets graphics use more of it."""


class AppleDevice:
    """The graphics of an Apple chip; its memory is a part of the machine's.

    macOS lets graphics hold two thirds of the memory, three quarters where there is much of it
    (what Metal reports as ``recommendedMaxWorkingSetSize``), unless ``iogpu.wired_limit_mb`` says
    otherwise.

    Args:
        sysctl: returns the value of a name of the kernel's state, empty if there is none.
    """

    kind = DeviceKind.APPLE
    load_bandwidth = 3e9

    def __init__(self, name: str, sysctl: Callable[[str], str]) -> None:
        self.name = name
        self.title = sysctl("machdep.cpu.brand_string") or "Apple"
        self._process = psutil.Process()
        memory = psutil.virtual_memory().total
        wired = sysctl("iogpu.wired_limit_mb")
        if wired.isdecimal() and int(wired):
            self._limit = min(memory, int(wired) * 2**20)
        else:
            self._limit = memory * 3 // 4 if memory > _LARGE else memory * 2 // 3

    def read_memory(self) -> MemoryReading:
        """See `Device`."""
        free = min(psutil.virtual_memory().available, self._limit)
        return MemoryReading(self._limit, free, {os.getpid(): self._process.memory_info().rss})


def find() -> tuple[AppleDevice, ...]:
    """Return the graphics of an Apple chip; none on other machines."""
    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return ()
    return (AppleDevice("mps:0", _sysctl),)


def _sysctl(name: str) -> str:
    ran = subprocess.run(  # noqa: S603 - a fixed program
        ["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=False
    )
    return ran.stdout.strip()
