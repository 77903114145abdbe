"""NVML as its Python package speaks it, for a machine without an NVIDIA device.

The names, the errors and the shapes of what is returned are those of ``nvidia-ml-py``; the errors
are its own classes. Only the driver behind it is missing here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pynvml

GIB = 2**30


@dataclass
class Card:
    """One card and what runs on it."""

    name: str | bytes = "NVIDIA GeForce RTX 4060"
    uuid: str = "GPU-0000"
    total: int = 8 * GIB
    free: int = 7 * GIB
    compute: dict[int, int | None] = field(default_factory=dict)
    graphics: dict[int, int | None] = field(default_factory=dict)
    milliwatts: int | None = 35_000
    limit: int = 115_000
    permitted: bool = True
    lost: bool = False


def fake_nvml(*cards: Card, broken: Exception | None = None) -> SimpleNamespace:
    """Return a module that answers for these cards."""

    def init() -> None:
        if broken is not None:
            raise broken

    def handle(index: int) -> Card:
        if index >= len(cards):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return cards[index]

    return SimpleNamespace(
        NVMLError=pynvml.NVMLError,
        NVMLError_LibraryNotFound=pynvml.NVMLError_LibraryNotFound,
        nvmlInit=init,
        nvmlDeviceGetCount=lambda: len(cards),
        nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByIndex=handle,
        nvmlDeviceGetPowerManagementLimit=lambda card: card.limit,
        nvmlDeviceSetPowerManagementLimit=_set_limit,
        nvmlDeviceGetUUID=lambda card: card.uuid,
        nvmlDeviceGetName=lambda card: card.name,
        nvmlDeviceGetMemoryInfo=_memory,
        nvmlDeviceGetComputeRunningProcesses=lambda card: _processes(_alive(card).compute),
        nvmlDeviceGetGraphicsRunningProcesses=lambda card: _processes(_alive(card).graphics),
        nvmlDeviceGetPowerUsage=_power,
    )


def _set_limit(card: Card, milliwatts: int) -> None:
    if not card.permitted:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NO_PERMISSION)
    card.limit = milliwatts


def _power(card: Card) -> int:
    if card.milliwatts is None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    return card.milliwatts


def _processes(used: dict[int, int | None]) -> list[Any]:
    return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in used.items()]


def _alive(card: Card) -> Card:
    if card.lost:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
    return card


def _memory(card: Card) -> SimpleNamespace:
    card = _alive(card)
    return SimpleNamespace(total=card.total, free=card.free, used=card.total - card.free)
