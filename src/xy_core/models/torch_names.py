"""What torch calls the devices of the scheduler."""

from __future__ import annotations

_KINDS = {"cuda": "cuda", "rocm": "cuda", "xpu": "xpu"}
"""ROCm passes for CUDA there."""


def torch_device(device: str) -> str:
    """Return torch's name of a device: ``rocm:1`` is ``cuda:1``; what it does not know is ``cpu``.

    Args:
        device: as the scheduler names it.
    """
    kind, _, number = device.partition(":")
    if kind in _KINDS:
        return f"{_KINDS[kind]}:{number or 0}"
    return "mps" if kind == "mps" else "cpu"


def ran_out_of_memory(error: Exception) -> bool:
    """Tell whether torch could not get memory; each of its devices has an error of its own."""
    return "out of memory" in str(error).lower()
