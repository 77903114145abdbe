"""Hours of mixed real load with a fault every ten seconds: does anything grow, is anything lost?"""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from xy_core.bench.experiments.chain import Turn
from xy_core.bench.experiments.embedded import Inputs
from xy_core.bench.experiments.environment import describe
from xy_core.bench.experiments.faults import Faults
from xy_core.bench.experiments.interval import Interval
from xy_core.bench.experiments.ours import XyCoreModules, for_many
from xy_core.bench.experiments.record import Recorder, Run
from xy_core.bench.experiments.vitals import Vitals, look, slope
from xy_core.bench.result import BenchResult, Check, Progress
from xy_core.core.errors import XyCoreError
from xy_core.settings import Settings

_CLIENTS = 3
_FAULT_EVERY = 10.0
_LOOK_EVERY = 5.0
_WARM_UP = 0.25
"""Share of the samples that is left out, the history and the caches being filled in it."""
_ATTEMPTS = 10
"""How often a client asks again before its request counts as lost."""
_PAUSE = 1.0
_GROWTH = 1.0
"""MB an hour below which growth is none."""


@dataclass(slots=True)
class Soak:
    """What was seen.

    Attributes:
        samples: what the program held, by time.
        turns: requests by fate: ``answered``, ``cancelled``, ``lost``, and ``asked_again``.
        faults: what was brought about, by kind.
        errors: what failed attempts said, by kind of error.
        environment: the machine and the versions.
    """

    samples: list[Vitals] = field(default_factory=list)
    turns: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    environment: dict[str, str | int] = field(default_factory=dict)

    def growth(self, name: str) -> Interval | None:
        """Return how fast something grows an hour, after the warm-up."""
        kept = self.samples[int(len(self.samples) * _WARM_UP) :]
        return slope([one.seconds for one in kept], [float(getattr(one, name)) for one in kept])

    def result(self) -> BenchResult:
        """Return figures and verdict."""
        last = self.samples[-1] if self.samples else None
        rows: dict[str, dict[str, float | int | None]] = {
            "turns": dict(self.turns),
            "faults": dict(self.faults),
            "errors": dict(self.errors),
            "last": {} if last is None else asdict(last),
        }
        for name in ("rss_mb", "all_mb", "files", "threads", "tasks", "objects"):
            grown = self.growth(name)
            if grown is not None:
                rows[f"{name}_an_hour"] = {
                    key: _short(value) for key, value in asdict(grown).items()
                }
        rss = self.growth("rss_mb")
        # Growth is shown only if the whole interval lies above nothing and above the bound.
        shown = None if rss is None or rss.low is None or rss.high is None else max(0.0, rss.low)
        if rss is not None and rss.high is not None and rss.high < _GROWTH:
            shown = 0.0
        checks = [
            Check("rss_growth_mb_an_hour_at_least", _short(shown), 0.0, "at most"),
            Check("lost", self.turns["lost"], 0, "at most"),
            Check("answered", self.turns["answered"], 1, "at least"),
        ]
        return BenchResult("soak", rows, checks, self.environment)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON types."""
        return self.result().as_json() | {"samples": [asdict(one) for one in self.samples]}


def run_soak(settings: Settings, *, hours: float, seed: int = 1, progress: Progress) -> Soak:
    """Soak for so many hours; Ctrl-C ends it early, with the verdict so far."""
    soak = Soak(environment=describe("none"))
    asyncio.run(_soak(settings, soak, hours * 3600, seed, progress))
    return soak


async def _soak(
    settings: Settings, soak: Soak, seconds: float, seed: int, progress: Progress
) -> None:
    clock = asyncio.get_running_loop().time
    inputs = Inputs(settings)
    policy = XyCoreModules(for_many(settings, 2), inputs, Recorder(Run("xy_core", 0)))
    turns: set[asyncio.Task[bool]] = set()
    numbers = itertools.count()
    async with policy:
        faults = Faults(policy.runtime.engine.scheduler, seed)
        soak.faults = faults.done
        begun = clock()
        work = [asyncio.create_task(_client(policy, turns, soak, numbers)) for _ in range(_CLIENTS)]
        work.append(asyncio.create_task(_trouble(faults, turns)))
        try:
            while (passed := clock() - begun) < seconds:
                await asyncio.sleep(min(_LOOK_EVERY, seconds - passed))
                gc.collect(0)
                soak.samples.append(look(clock() - begun))
                counts = (dict(each) for each in (soak.turns, soak.faults, soak.errors))
                progress(f"{passed / 60:.1f} min  " + "  ".join(map(str, counts)))
                _rethrow(work)
        except asyncio.CancelledError:
            progress("stopped early")  # the verdict so far is what Ctrl-C asks for
        finally:
            for task in (*work, *turns):
                task.cancel()
            await asyncio.gather(*work, *turns, return_exceptions=True)


def _rethrow(work: list[asyncio.Task[None]]) -> None:
    """Raise what ended one of the endless tasks."""
    for task in work:
        if task.done():
            task.result()


async def _trouble(faults: Faults, turns: set[asyncio.Task[bool]]) -> None:
    while True:
        await asyncio.sleep(_FAULT_EVERY)
        await faults.next(turns)


async def _client(
    policy: XyCoreModules, turns: set[asyncio.Task[bool]], soak: Soak, numbers: itertools.count[int]
) -> None:
    """Ask one request after the other; each is a task, so that it can be cancelled."""
    while True:
        task = asyncio.create_task(_ask(policy, soak), name=f"turn-{next(numbers):09d}")
        turns.add(task)
        try:
            await asyncio.wait({task})
        finally:
            turns.discard(task)
        if task.cancelled():
            soak.turns["cancelled"] += 1
        else:
            soak.turns["answered" if task.result() else "lost"] += 1
        policy.forget()


async def _ask(policy: XyCoreModules, soak: Soak) -> bool:
    """Ask until there is an answer; a killed process may cost attempts, never the request."""
    for attempt in range(_ATTEMPTS):
        try:
            await policy.request(Turn(-1))
        except XyCoreError as error:
            soak.errors[type(error).__name__] += 1
            soak.turns["asked_again"] += 1
            await asyncio.sleep(_PAUSE * (attempt + 1))
        else:
            return True
    return False


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
