"""What is written down of one run: requests, what computed when, lateness, memory."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

_ROUND = 6
"""Digits of a second that are kept."""


@dataclass(frozen=True, slots=True)
class Span:
    """One part while it computed; seconds from the run's beginning."""

    request: int
    part: str
    lane: str
    begin: float
    end: float


@dataclass(slots=True)
class Request:
    """One request; seconds from the run's beginning."""

    number: int
    submitted: float
    ended: float = 0.0
    error: str = ""


@dataclass(slots=True)
class Run:
    """One policy, once.

    Attributes:
        policy: its name.
        repeat: which repetition it is.
        requests: in the order of their submission.
        spans: in the order of their ends.
        lags: how late each look at the clock came, in seconds.
        memory: moments (s) and resident bytes of the program and its processes.
        snapshot: the devices at the end: one line of text each.
        trace: events in the report's schema, where a scheduler keeps them.
    """

    policy: str
    repeat: int
    requests: list[Request] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    snapshot: list[str] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the first submission to the last end."""
        first = min((one.submitted for one in self.requests), default=0.0)
        return max((one.ended for one in self.requests), default=0.0) - first

    def served(self) -> list[Request]:
        """Return the requests that were answered."""
        return [one for one in self.requests if not one.error]

    def started(self) -> dict[int, float]:
        """Return when the first part of each request began to compute."""
        begun: dict[int, float] = {}
        for span in self.spans:
            begun[span.request] = min(span.begin, begun.get(span.request, span.begin))
        return begun

    def schedule_hash(self) -> str:
        """Return a hash of what computed when and where; equal schedules have equal hashes."""
        spans = sorted(self.spans, key=lambda one: (one.request, one.part, one.begin))
        rows = [[one.request, one.part, one.lane, repr(one.begin), repr(one.end)] for one in spans]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON types; lags as a histogram, else they would be most of the file."""
        values = asdict(self)
        for row in (*values["requests"], *values["spans"]):
            row.update({k: round(v, _ROUND) for k, v in row.items() if isinstance(v, float)})
        return values | {
            "lags": _histogram(self.lags),
            "seconds": round(self.seconds, _ROUND),
            "schedule": self.schedule_hash(),
        }


class Recorder:
    """Writes spans into a run as they happen; its methods may be called on any thread."""

    def __init__(self, run: Run, clock: Callable[[], float] = time.perf_counter) -> None:
        self.run = run
        self._clock = clock
        self.begun = clock()
        self.epoch = time.time()

    def restart(self) -> None:
        """Begin the run now, after warming up."""
        self.begun, self.epoch = self._clock(), time.time()

    def now(self) -> float:
        """Return seconds from the run's beginning."""
        return self._clock() - self.begun

    @contextmanager
    def span(self, request: int, part: str, lane: str) -> Iterator[None]:
        """Record how long the block took; warming up (a negative request) is left out."""
        begin = self.now()
        try:
            yield
        finally:
            if request >= 0:
                self.run.spans.append(Span(request, part, lane, begin, self.now()))


def _histogram(lags: list[float]) -> dict[str, Any]:
    """Count lags in bins that double from 0.125 ms on; the last is open."""
    edges = [0.125 * 2**power for power in range(16)]
    counts = [0] * (len(edges) + 1)
    for lag in lags:
        milliseconds = lag * 1e3
        counts[sum(milliseconds >= edge for edge in edges)] += 1
    longest = round(max(lags, default=0.0) * 1e3, 3)
    return {"edges_ms": edges, "counts": counts, "max_ms": longest}
