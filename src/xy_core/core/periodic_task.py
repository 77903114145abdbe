"""What is repeated, when, and by which policies."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from xy_core.core.errors import InvalidTaskError
from xy_core.core.payload import as_priority
from xy_core.core.schedule import Schedule, schedule_as_json, schedule_from_json
from xy_core.core.task import TaskPriority


class Overlap(enum.StrEnum):
    """What to do when a run is due while an earlier one waits or runs."""

    SKIP = "skip"
    """Pass this one over."""
    QUEUE = "queue"
    """Let it wait: the runs follow one another."""
    PARALLEL = "parallel"
    """Run it beside the other."""


class MissedRuns(enum.StrEnum):
    """What to do about due times that passed while the program did not run."""

    SKIP = "skip"
    """Pass them over."""
    ONCE = "once"
    """One run stands for all of them."""
    ALL = "all"
    """Make up for each, up to `PeriodicTask.most` (the latest ones)."""


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A periodic task; see `PeriodicTasks.add` for the attributes."""

    name: str
    task: str
    schedule: Schedule
    arguments: dict[str, Any]
    overlap: Overlap
    missed: MissedRuns
    jitter: float
    grace: float
    most: int
    priority: TaskPriority

    def __post_init__(self) -> None:
        as_priority(self.priority)
        bounded = 0 <= self.jitter < math.inf and 0 <= self.grace < math.inf
        if not bounded or self.most < 1:
            raise InvalidTaskError("jitter and grace must not be negative, and most at least 1")
        if self.missed is MissedRuns.ALL and self.overlap is Overlap.SKIP:
            raise InvalidTaskError(
                "MissedRuns.ALL makes runs overlap, which Overlap.SKIP would pass over: choose "
                "Overlap.QUEUE or Overlap.PARALLEL"
            )

    def choose(self, dues: Sequence[float], now: float) -> list[float]:
        """Return which of the due times get a run, before overlaps are looked at.

        Args:
            dues: those that have passed since the last look, latest first, at least one.
            now: in seconds since the epoch, like them.
        """
        if self.missed is MissedRuns.ALL:
            return list(dues)
        gap = self.schedule.after(dues[0], dues[0]) - dues[0]
        on_time = now - dues[0] <= self.jitter + min(self.grace, gap)
        return [dues[0]] if on_time or self.missed is MissedRuns.ONCE else []

    def room(self, unfinished: int) -> int:
        """Return how many runs may begin or wait beside that many."""
        if self.overlap is Overlap.SKIP:
            return 0 if unfinished else 1
        return max(0, self.most - unfinished)

    def as_json(self) -> str:
        """Return all but the name as JSON."""
        return json.dumps(
            {
                "task": self.task,
                "schedule": schedule_as_json(self.schedule),
                "arguments": self.arguments,
                "overlap": self.overlap,
                "missed": self.missed,
                "jitter": self.jitter,
                "grace": self.grace,
                "most": self.most,
                "priority": self.priority,
            }
        )

    @classmethod
    def from_json(cls, name: str, text: str) -> Self:
        """Return the periodic task that `as_json` described."""
        values = json.loads(text)
        return cls(
            name,
            values["task"],
            schedule_from_json(values["schedule"]),
            values["arguments"],
            Overlap(values["overlap"]),
            MissedRuns(values["missed"]),
            values["jitter"],
            values["grace"],
            values["most"],
            as_priority(values["priority"]),
        )
