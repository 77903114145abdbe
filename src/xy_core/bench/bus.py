"""What the bus carries: events a second to few and many subscribers, beside its peers."""

from __future__ import annotations

import functools
import statistics

from xy_core.bench.buses import available
from xy_core.bench.result import BenchResult, Check, Figures, Progress, median_ratio
from xy_core.bench.rounds import Run, against_peers, in_turn

_SUBSCRIBERS = (1, 10, 100)
_RATIOS = {"queues": 0.4, "pyee": 1.0, "bubus": 1.0}
_LEAST = 5
"""Events that even the slowest carries."""


def run(*, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about a minute and a half, or fifteen seconds with `quick`."""
    rows: dict[str, Figures] = {}
    checks: list[Check] = []
    for subscribers in _SUBSCRIBERS:
        progress(f"{subscribers} subscribers")
        runs = _runs(40_000 if quick else 200_000, subscribers)
        rates = in_turn(runs, 3 if quick else 7, progress)
        for name, rate in rates.items():
            rows[f"{name}_{subscribers}"] = {
                "subscribers": subscribers,
                "events_per_second": round(statistics.median(rate)),
                "vs_xy_core": median_ratio(rate, rates["xy_core"]),
            }
        checks += against_peers(rates, _RATIOS, f"_{subscribers}")
    return BenchResult("bus", rows, checks)


def _runs(deliveries: int, subscribers: int) -> dict[str, Run]:
    """One run of each contender, with as many events as make so many deliveries."""
    return {
        name: functools.partial(
            carry, max(_LEAST, int(deliveries * share) // subscribers), subscribers
        )
        for name, (carry, share) in available().items()
    }
