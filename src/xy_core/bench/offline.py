"""The best schedule of a few requests on one device, found by trying all orders."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence


def best_makespan(
    models: Sequence[str],
    sizes: Mapping[str, int],
    *,
    memory: int,
    bandwidth: float,
    compute: float,
) -> float:
    """Return the shortest time, in seconds, in which all requests can be served.

    All requests are there from the beginning, so those of one model stand together in the best
    order, and each model is loaded once. Tried are all orders of the models; a model is loaded as
    soon as the copy engine is free and those before it have left enough memory.

    Args:
        models: which model each request needs.
        sizes: bytes of each model.
        memory: bytes of the device.
        bandwidth: bytes a second of the copy engine.
        compute: seconds of each request.
    """
    counts = Counter(models)
    return min(
        _makespan([(sizes[name], counts[name] * compute) for name in order], memory, bandwidth)
        for order in itertools.permutations(counts)
    )


def _makespan(steps: Sequence[tuple[int, float]], memory: int, bandwidth: float) -> float:
    """The time of one order of models, each with its bytes and its seconds of computing."""
    copied = computed = 0.0
    held: list[tuple[float, int]] = []
    for size, seconds in steps:
        begin = copied
        while sum(bytes_ for _, bytes_ in held) + size > memory:
            done, _ = held.pop(0)
            begin = max(begin, done)
        copied = begin + size / bandwidth
        computed = max(computed, copied) + seconds
        held.append((computed, size))
    return computed
