"""Tells the scheduler how much of a device's memory a picture took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from xy_core.core.compute import report_peak


@contextmanager
def reported_peak(device: str) -> Iterator[None]:
    """Report the most memory that the block took beyond what lay on the device before.

    The next picture of the kind asks for as much. Only CUDA (and ROCm, which torch calls so) counts
    its memory. In a process of its own a backend has no task to report to.

    Args:
        device: its name for torch.
    """
    import torch  # noqa: PLC0415 - heavy: only when a model is used

    if not device.startswith("cuda"):
        yield
        return
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    try:
        yield
    finally:
        report_peak(max(torch.cuda.max_memory_allocated(device) - before, 0))
