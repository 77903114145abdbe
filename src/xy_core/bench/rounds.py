"""Measures several contenders in turn, round after round."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from xy_core.bench.result import Check, Progress, median_ratio

Run = Callable[[], Coroutine[Any, Any, float]]
"""One measurement, on an event loop of its own; returns a rate."""


def in_turn(runs: Mapping[str, Run], rounds: int, progress: Progress) -> dict[str, list[float]]:
    """Return the rates of each contender, one a round.

    The order moves on from round to round, so that drift of the machine hits all alike.
    """
    contenders = list(runs.items())
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for offset in range(len(contenders)):
            name, run = contenders[(number + offset) % len(contenders)]
            progress(f"round {number + 1}/{rounds}: {name}")
            gc.collect()
            rates[name].append(asyncio.run(run()))
    return rates


def against_peers(
    rates: Mapping[str, Sequence[float]], bounds: Mapping[str, float], suffix: str = ""
) -> list[Check]:
    """Hold our rates, those of ``xy_core``, against those of each peer, round by round."""
    return [
        Check(
            f"vs_{name}{suffix}",
            median_ratio(rates["xy_core"], rates[name]) if name in rates else None,
            bound,
            "at least",
        )
        for name, bound in bounds.items()
    ]
