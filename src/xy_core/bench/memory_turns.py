"""How long a turn waits for its memory, while nothing is written and while others write.

Rounds of both kinds follow one another, in an order that changes, so that whatever else the machine
does falls on both alike. How sure the ratio of the two 95th percentiles is, is told by drawing the
rounds anew (Efron 1979, "Bootstrap methods"): the rounds and not the turns, since the turns of one
round share what disturbed it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from xy_core.bench.memory_questions import read_questions
from xy_core.bench.result import Figures, Progress
from xy_core.core.module import ModuleContext
from xy_core.core.task import TaskPriority
from xy_core.modules.memory import MemoryConfig, MemoryService

_EVERY = 3
"""Of the questions, those that are asked for time: 76 of all kinds."""
_WRITES_A_SECOND = 20.0
_DRAWS = 2_000
_SEED = 7
Rounds = list[list[float]]


@dataclass(frozen=True, slots=True)
class Turns:
    """What was measured: the seconds of each turn, by round.

    Attributes:
        alone: rounds in which nothing was written.
        beside: those in which others wrote.
        recalls: the seconds of each recall while nothing was written.
    """

    alone: Rounds = field(default_factory=list)
    beside: Rounds = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)

    @property
    def recall_p95(self) -> float:
        """The 95th percentile of the recalls, in seconds."""
        return _p95(self.recalls)

    @property
    def ratio(self) -> float:
        """What a turn's 95th percentile is beside writes, over what it is alone."""
        return round(_ratio(self.alone, self.beside), 4)

    def rows(self) -> dict[str, Figures]:
        """Return the figures, with the 95 % interval of the ratio."""
        low, high = self._interval()
        return {
            "recall": _figures(self.recalls),
            "turn, nothing written": _figures([*itertools.chain(*self.alone)]),
            "turn, while others write": _figures([*itertools.chain(*self.beside)]),
            "p95, with writes over without": {
                "ratio": self.ratio,
                "from": round(low, 4),
                "to": round(high, 4),
            },
        }

    def _interval(self) -> tuple[float, float]:
        chance = random.Random(_SEED)  # noqa: S311 - chance, not secrecy
        drawn = sorted(
            _ratio(
                chance.choices(self.alone, k=len(self.alone)),
                chance.choices(self.beside, k=len(self.beside)),
            )
            for _ in range(_DRAWS)
        )
        return drawn[int(0.025 * _DRAWS)], drawn[int(0.975 * _DRAWS)]


async def measure_turns(
    context: ModuleContext, config: MemoryConfig, rounds: int, progress: Progress
) -> Turns:
    """Measure recalls and turns on a memory file that is full already."""
    turns = Turns()
    memory = MemoryService(context, config)
    try:
        await memory.initialize()
        await memory.start()
        await memory.settle()
        await _round(memory, [])
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for writes in (number % 2 == 0, number % 2 == 1):
                if writes:
                    async with _writing(memory):
                        turns.beside.append(await _round(memory, []))
                    await memory.settle()
                else:
                    turns.alone.append(await _round(memory, turns.recalls))
    finally:
        await memory.stop()
    return turns


async def _round(memory: MemoryService, recalls: list[float]) -> list[float]:
    """Do what a turn asks of the memory, for some questions; returns the seconds of each."""
    high, times = TaskPriority.HIGH, []
    for one in read_questions().questions[::_EVERY]:
        begun = time.perf_counter()
        await memory.recall(
            "lin", one.question, language=one.language, skip_recent=4, emotion="joy", priority=high
        )
        recalls.append(time.perf_counter() - begun)
        await memory.recent("lin", 4)
        times.append(time.perf_counter() - begun)
    return times


@asynccontextmanager
async def _writing(memory: MemoryService) -> AsyncIterator[None]:
    """Write what other people say, at the pace of a busy server, while the block runs."""

    async def write() -> None:
        for number in itertools.count():
            await memory.remember_turn(f"person {number % 20}", "user", f"I saw {number} birds.")
            await asyncio.sleep(1 / _WRITES_A_SECOND)

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _ratio(alone: Rounds, beside: Rounds) -> float:
    return _p95([*itertools.chain(*beside)]) / _p95([*itertools.chain(*alone)])


def _figures(seconds: Sequence[float]) -> Figures:
    return {
        "p50 ms": round(1e3 * statistics.median(seconds), 2),
        "p95 ms": round(1e3 * _p95(seconds), 2),
        "count": len(seconds),
    }


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]
