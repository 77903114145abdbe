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
    lost: bool = False


def fake_nvml(*cards: Card, broken: Exception | None = None) -> SimpleNamespace:
    """Return a module that answers for these cards."""

    def init() -> None:
        if broken is not None:
            raise broken

    def alive(card: Card) -> Card:
        if card.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return card

    def processes(used: dict[int, int | None]) -> list[Any]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in used.items()]

    def memory(card: Card) -> SimpleNamespace:
        card = alive(card)
        return SimpleNamespace(total=card.total, free=card.free, used=card.total - card.free)

    def power(card: Card) -> int:
        if card.milliwatts is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return card.milliwatts

    return SimpleNamespace(
        NVMLError=pynvml.NVMLError,
        NVMLError_LibraryNotFound=pynvml.NVMLError_LibraryNotFound,
        nvmlInit=init,
        nvmlDeviceGetCount=lambda: len(cards),
        nvmlDeviceGetHandleByIndex=lambda index: cards[index],
        nvmlDeviceGetUUID=lambda card: card.uuid,
        nvmlDeviceGetName=lambda card: card.name,
        nvmlDeviceGetMemoryInfo=memory,
        nvmlDeviceGetComputeRunningProcesses=lambda card: processes(alive(card).compute),
        nvmlDeviceGetGraphicsRunningProcesses=lambda card: processes(alive(card).graphics),
        nvmlDeviceGetPowerUsage=power,
    )
