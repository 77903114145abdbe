"""What a device is to the scheduler: a name, a size, and a driver that can be asked."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


class DeviceKind(enum.StrEnum):
    """What a device computes with."""

    CPU = "cpu"
    CUDA = "cuda"
    ROCM = "rocm"
    APPLE = "mps"
    INTEL = "xpu"
    NPU = "npu"
    SIM = "sim"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """What a driver says about a device's memory at one moment, in bytes.

    Attributes:
        total: all there is.
        free: what nobody uses, other programs included.
        by_process: what each process uses, by its id, as far as the driver tells.
    """

    total: int
    free: int
    by_process: Mapping[int, int] = field(default_factory=dict)


@runtime_checkable
class Device(Protocol):
    """One thing that computes and has memory of its own.

    Attributes:
        name: as in the configuration: ``cuda:0``, ``npu:0``, ``sim:0``, or ``cpu``, which is the
            machine's own processor and memory used for inference, or ``cluster``, which is the
            nodes of a cluster together.
        kind: what it computes with.
        title: the maker's name for it.
        load_bandwidth: bytes a second at which a model comes into its memory, for estimates.
    """

    name: str
    kind: DeviceKind
    title: str
    load_bandwidth: float

    def read_memory(self) -> MemoryReading:
        """Ask the driver; takes well under 5 ms.

        Raises:
            DeviceLost: the device does not answer any more.
        """
