"""What hours of load with faults have shown: does anything grow, is anything lost?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from xy_core.bench.experiments.interval import Interval
from xy_core.bench.experiments.trend import trend
from xy_core.bench.experiments.vitals import Series
from xy_core.bench.result import BenchResult, Check, Figures

_WARM_UP = 0.25
"""Share of the time that is left out, caches and allocators settling in it."""
_SHORTEST_WARM_UP = 600.0
_SHORTEST = 1_200.0
"""Seconds after the warm-up without which there is no verdict."""
BOUNDS = {
    "rss_mb": 1.0,
    "all_mb": 100.0,
    "files": 4.0,
    "threads": 4.0,
    "tasks": 4.0,
    "objects": 1_000.0,
}
"""What may grow, and by how much an hour it may, being small beside what a fault moves."""


class Word(Enum):
    """What is said of growth, in English and Chinese."""

    STEADY = ("steady", "平稳")
    NOT_SHOWN = ("no growth shown", "未显示增长")
    GROWS = ("grows", "增长")
    TOO_SHORT = ("too short to tell", "时间太短，无法判断")


@dataclass(frozen=True, slots=True)
class Growth:
    """How fast something grows.

    Attributes:
        an_hour: after the warm-up; None of too few looks.
        word: what that means.
    """

    an_hour: Interval | None
    word: Word


@dataclass(slots=True)
class Soak:
    """What was seen.

    Attributes:
        samples: what the program held, by time.
        turns: requests by fate: ``asked``, ``answered``, ``cancelled``, ``lost``; and how often a
            failed attempt was made again, ``asked_again``.
        faults: what was brought about, by kind.
        errors: failed attempts by kind of error.
        said: the newest error of each kind in words.
        lost: of each lost request, the errors of its attempts in words; the first few.
        environment: the machine and the versions.
    """

    samples: Series = field(default_factory=Series)
    turns: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    lost: list[list[str]] = field(default_factory=list)
    environment: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def warm_up(self) -> float:
        """Seconds at the beginning that are left out."""
        return max(_SHORTEST_WARM_UP, _WARM_UP * self.samples.seconds)

    @property
    def conclusive(self) -> bool:
        """Whether it took long enough for a verdict."""
        return self.samples.seconds - self.warm_up >= _SHORTEST

    def growth(self, name: str) -> Growth:
        """Return how something grows: a name of `BOUNDS`.

        A short soak shows a slope of all its looks, warm-up included, and no verdict.
        """
        seconds, values = self.samples.column("seconds"), self.samples.column(name)
        warm = self.warm_up if self.conclusive else 0.0
        first = sum(moment < warm for moment in seconds)
        found = trend(seconds[first:], values[first:])
        return Growth(found, self._word(found, BOUNDS[name]))

    def _word(self, found: Interval | None, bound: float) -> Word:
        if found is None or found.low is None or found.high is None or not self.conclusive:
            return Word.TOO_SHORT
        if found.high < bound:
            return Word.STEADY
        return Word.GROWS if found.low > 0 else Word.NOT_SHOWN

    @property
    def verdict(self) -> Word:
        """What is said of the program's own memory."""
        return self.growth("rss_mb").word

    def result(self) -> BenchResult:
        """Return figures and checks."""
        growths = {name: self.growth(name) for name in BOUNDS}
        last = list(self.samples)[-1:]
        rows: dict[str, Figures] = {
            "turns": dict(self.turns),
            "faults": dict(self.faults),
            "errors": dict(self.errors),
            "last": asdict(last[0]) if last else {},
            "measured": {"seconds": self.samples.seconds, "warm_up": round(self.warm_up)},
        }
        for name, growth in growths.items():
            if growth.an_hour is not None:
                found = asdict(growth.an_hour)
                rows[f"{name}_an_hour"] = {key: round(value, 3) for key, value in found.items()}
        checks = [
            Check(f"{name}_growth_shown", _shown(growths[name]), bound, "at most")
            for name, bound in (BOUNDS | {"rss_mb": 0.0}).items()
        ]
        checks += [
            Check("lost", self.turns["lost"], 0, "at most"),
            Check("answered", self.turns["answered"], 1, "at least"),
        ]
        return BenchResult("soak", rows, checks, self.environment)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON types."""
        return self.result().as_json() | {
            "verdict": self.verdict.value[0],
            "growth": {name: self.growth(name).word.value[0] for name in BOUNDS},
            "said": self.said,
            "lost": self.lost,
            "samples": [asdict(one) for one in self.samples],
        }


def _shown(growth: Growth) -> float | None:
    """The growth an hour that is shown: the lower end of the interval, if it is over 0."""
    if growth.word is Word.TOO_SHORT or growth.an_hour is None:
        return None
    if growth.word is not Word.GROWS or growth.an_hour.low is None:
        return 0.0
    return round(growth.an_hour.low, 3)
