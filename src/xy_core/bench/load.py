"""How requests come, and what became of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from xy_core.core.errors import OutOfDeviceMemory

_APART = 1e-6
"""Seconds between requests that come at once: they still come one after the other."""

Serve = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Outcome:
    """What became of a run of requests.

    Attributes:
        seconds: from the first request to the last end.
        latencies: seconds from each request to its end, of those that were served.
        failed: requests for which the memory ran out.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def throughput(self) -> float:
        """Served requests a second."""
        return len(self.latencies) / self.seconds

    def latency(self, share: float) -> float:
        """Return the latency that `share` (0 to 1) of the served requests did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[round(share * (len(ordered) - 1))] if ordered else float("nan")


def at_once(count: int) -> list[float]:
    """Return the arrivals of a burst, in seconds from now."""
    return [number * _APART for number in range(count)]


def poisson(count: int, rate: float, seed: int) -> list[float]:
    """Return arrivals at exponential distances, `rate` of them a second on average."""
    source = random.Random(seed)  # noqa: S311 - a load, not a secret
    moment, arrivals = 0.0, []
    for _ in range(count):
        moment += source.expovariate(rate)
        arrivals.append(moment)
    return arrivals


async def offer(serve: Serve, arrivals: Sequence[float]) -> Outcome:
    """Call `serve` at each arrival, whatever still runs, and wait until all have ended."""
    loop = asyncio.get_running_loop()
    outcome = Outcome()
    begun = loop.time()

    async def one(arrival: float) -> None:
        await asyncio.sleep(begun + arrival - loop.time())
        arrived = loop.time()
        try:
            await serve()
        except* OutOfDeviceMemory:
            outcome.failed += 1
        else:
            outcome.latencies.append(loop.time() - arrived)

    async with asyncio.TaskGroup() as group:
        for arrival in arrivals:
            group.create_task(one(arrival))
    outcome.seconds = loop.time() - begun - arrivals[0]
    return outcome
