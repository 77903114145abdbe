"""Processor sharing: computations that run at the same time get equal parts of one rate."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from dataclasses import dataclass, field

_TOLERANCE = 1e-9
"""Seconds by which a loop may call a timer early: the resolution of its clock."""


@dataclass(slots=True, order=True)
class _Share:
    served: float
    number: int
    done: asyncio.Future[None] = field(compare=False)


class SharedRate:
    """Simulates one processor that serves n computations at 1/n of its rate each.

    It is exact and costs O(log n) an arrival or end: let S be the service that each running
    computation has had since the processor was last idle, dS/dt = rate / n. Work w that arrives
    at S₀ ends when S = S₀ + w, so a heap of these values tells who is next. (The discipline:
    Kleinrock 1967, Time-shared systems: a theoretical treatment.)
    """

    def __init__(self, rate: float) -> None:
        """Serve nothing yet.

        Args:
            rate: seconds of work that are done in a second.
        """
        self._rate = rate
        self._shares: list[_Share] = []
        self._numbers = itertools.count()
        self._served = 0.0
        self._updated = 0.0
        self._busy = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> int:
        """How many computations are served now."""
        return len(self._shares)

    def busy_seconds(self) -> float:
        """Return for how long anything was served."""
        if self._shares:
            self._advance(asyncio.get_running_loop())
        return self._busy

    async def serve(self, work: float) -> None:
        """Wait until the work, in seconds at the full rate, is done; cancelling gives it up."""
        loop = asyncio.get_running_loop()
        self._advance(loop)
        share = _Share(self._served + work, next(self._numbers), loop.create_future())
        heapq.heappush(self._shares, share)
        self._set_timer(loop)
        try:
            await share.done
        except asyncio.CancelledError:
            self._advance(loop)
            if share in self._shares:
                self._shares.remove(share)
                heapq.heapify(self._shares)
            self._set_timer(loop)
            raise

    def fail(self, error: Exception) -> None:
        """End all that is served with an error."""
        shares, self._shares = self._shares, []
        for share in shares:
            if not share.done.done():
                share.done.set_exception(error)
        if self._timer is not None:
            self._timer.cancel()

    def _advance(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do all that was due until now, each end at its own moment, however late the timer is."""
        now = loop.time()
        while self._shares and (end := self._next_end()) <= now + _TOLERANCE:
            first = heapq.heappop(self._shares)
            self._busy += end - self._updated
            self._served, self._updated = first.served, end
            if not first.done.done():
                first.done.set_result(None)
        if self._shares:
            passed = max(0.0, now - self._updated)
            self._busy += passed
            self._served += passed * self._rate / len(self._shares)
        else:
            self._served = 0.0
        self._updated = max(now, self._updated) if self._shares else now

    def _next_end(self) -> float:
        left = self._shares[0].served - self._served
        return self._updated + max(0.0, left) * len(self._shares) / self._rate

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._shares:
            self._timer = loop.call_at(self._next_end(), self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._advance(loop)
        self._set_timer(loop)
