"""What reading costs: time and memory, measured in a process that does nothing else."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import psutil

from xy_core.modules.emotion.backends.recogniser import load_recogniser

_WARM_UP = 20
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class ServingCost:
    """What reading one sentence takes.

    Attributes:
        median_ms: half of the sentences take at most so long.
        p99_ms: ninety-nine of a hundred do.
        rss_mib: resident memory of the whole process after all of them.
        load_ms: from nothing to the first reading.
    """

    median_ms: float
    p99_ms: float
    rss_mib: float
    load_ms: float


def serving_cost(texts: Sequence[str]) -> ServingCost:
    """Read the texts one after the other in a new process that is kept on one core."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(_serve, list(texts)).result()


def _serve(texts: Sequence[str]) -> ServingCost:
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # macOS has none
        process.cpu_affinity(process.cpu_affinity()[:1])
    begun = time.perf_counter()
    recogniser = load_recogniser()
    recogniser.read(texts[0])
    loaded = time.perf_counter() - begun
    for text in texts[:_WARM_UP]:
        recogniser.read(text)
    taken = np.empty(len(texts))
    for place, text in enumerate(texts):
        start = time.perf_counter()
        recogniser.read(text)
        taken[place] = time.perf_counter() - start
    median, slow = np.percentile(taken, [50, 99]) * 1e3
    return ServingCost(
        round(float(median), 2),
        round(float(slow), 2),
        round(process.memory_info().rss / _MIB, 1),
        round(loaded * 1e3, 1),
    )
