"""What a long-running program holds, and whether it grows."""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from xy_core.bench.experiments.interval import Interval
from xy_core.bench.experiments.watch import resident_bytes

_MIB = 1 << 20
_BINS = 12
"""Stretches over which samples are averaged: neighbours of one stretch are not independent."""
_DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look.

    Attributes:
        seconds: since the beginning.
        rss_mb: resident memory of the program itself, in MiB.
        all_mb: with all its processes.
        files: open files.
        threads: of the interpreter.
        tasks: of the event loop.
        objects: that the garbage collector tracks.
    """

    seconds: float
    rss_mb: float
    all_mb: float
    files: int
    threads: int
    tasks: int
    objects: int


def look(seconds: float) -> Vitals:
    """Return what the program holds now; belongs to the event loop's thread."""
    process = psutil.Process()
    return Vitals(
        round(seconds, 1),
        round(process.memory_info().rss / _MIB, 2),
        round(resident_bytes() / _MIB, 1),
        process.num_fds() if hasattr(process, "num_fds") else len(process.open_files()),
        threading.active_count(),
        len(asyncio.all_tasks()),
        len(gc.get_objects()),
    )


def slope(seconds: Sequence[float], values: Sequence[float], seed: int = 0) -> Interval | None:
    """Return how fast a value grows an hour, with a 95 % interval; None if that cannot be told.

    Least squares through the means of twelve stretches; the interval is a bootstrap over them.
    """
    means = _means(list(zip(seconds, values, strict=True)))
    if len(means) < _BINS // 2:
        return None
    source = random.Random(seed)  # noqa: S311 - resampling, not a secret
    drawn: list[float] = []
    while len(drawn) < _DRAWS:
        sample = source.choices(means, k=len(means))
        if len({moment for moment, _ in sample}) > 1:
            drawn.append(_fit(sample))
    drawn.sort()
    cut = int(0.025 * _DRAWS)
    return Interval(_fit(means), drawn[cut], drawn[-1 - cut])


def _means(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Average stretches of equal length."""
    size = max(1, len(points) // _BINS)
    groups = [points[start : start + size] for start in range(0, len(points) - size + 1, size)]
    return [
        (statistics.fmean(t for t, _ in group), statistics.fmean(v for _, v in group))
        for group in groups
    ]


def _fit(points: Sequence[tuple[float, float]]) -> float:
    moments, values = zip(*points, strict=True)
    return statistics.linear_regression(moments, values).slope * 3600
