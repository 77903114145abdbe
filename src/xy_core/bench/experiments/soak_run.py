"""Hours of mixed load with a fault every ten seconds."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from xy_core.bench.experiments.chain import Turn
from xy_core.bench.experiments.embedded import Inputs
from xy_core.bench.experiments.environment import describe, usable_cores
from xy_core.bench.experiments.faults import Faults
from xy_core.bench.experiments.ours import XyCoreModules, for_many
from xy_core.bench.experiments.record import Recorder, Run
from xy_core.bench.experiments.soak import Soak
from xy_core.bench.experiments.soak_record import SoakRecord
from xy_core.bench.experiments.vitals import look
from xy_core.bench.result import Progress
from xy_core.core.config import LogConfig
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.settings import Settings

_ATTEMPTS = 10
"""How often a client asks before its request counts as lost."""
_PAUSE = 1.0
"""Seconds before the second attempt; as much longer before each next."""
_TOLD = 20
"""Lost requests of which the errors are kept."""
_MOST_LOOKS = 10_000
_BATCH = 10
"""Tasks at a time of those that fill the history: the trace lets go of them one by one."""
_FILLED = 3
"""How often over: the history's table grows to its last size only when a part of it was replaced,
and is then made anew for the first time when it was replaced once more."""
_LONGEST = 300
"""Characters of an error that are kept."""


class Load(Protocol):
    """What is soaked."""

    @property
    def scheduler(self) -> GlobalTaskScheduler:
        """Runs its work, and that of the faults."""

    async def request(self) -> None:
        """Serve one request, or raise."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a soak goes, in seconds.

    Attributes:
        seconds: how long.
        clients: who ask, one request after the other.
        fault_every: between two faults.
        look_every: between two looks; longer if there would be too many.
    """

    seconds: float
    clients: int = 3
    fault_every: float = 10.0
    look_every: float = 5.0

    @property
    def looks(self) -> float:
        """Seconds between two looks."""
        return max(self.look_every, self.seconds / _MOST_LOOKS)


def run_soak(
    settings: Settings,
    *,
    hours: float,
    seed: int = 1,
    record: Path | None = None,
    progress: Progress,
) -> Soak:
    """Soak the real models; Ctrl-C ends it early, with what was seen so far.

    Args:
        settings: the configuration.
        hours: how long.
        seed: of the faults.
        record: a file to which each look is written at once (see `read_soak`).
        progress: told how far it is.
    """
    pace = Pace(hours * 3600)
    return asyncio.run(_run(_modules(settings), pace, seed, record, progress))


async def _run(
    opening: AbstractAsyncContextManager[Load],
    pace: Pace,
    seed: int,
    record: Path | None,
    progress: Progress,
) -> Soak:
    progress("…")
    soak = Soak(environment=describe("none") | {"seed": seed, "clients": pace.clients})
    with SoakRecord(record) as lines:
        lines.begin(soak)
        async with opening as load:
            await load.request()
            await fill(load.scheduler)
            await Soaking(load, pace, soak, seed).run(lines, progress)
    return soak


class _Modules:
    """The real models through the modules of a running program."""

    def __init__(self, policy: XyCoreModules) -> None:
        self._policy = policy

    @property
    def scheduler(self) -> GlobalTaskScheduler:
        """See `Load`."""
        return self._policy.runtime.engine.scheduler

    async def request(self) -> None:
        """See `Load`."""
        try:
            await self._policy.request(Turn(-1))
        finally:
            self._policy.forget()


@asynccontextmanager
async def _modules(settings: Settings) -> AsyncIterator[Load]:
    quiet = settings.model_copy(update={"log": LogConfig(level="error")})  # faults are no news
    recorder = Recorder(Run("xy_core", 0))
    async with XyCoreModules(for_many(quiet, usable_cores()), Inputs(quiet), recorder) as policy:
        yield _Modules(policy)


async def fill(scheduler: GlobalTaskScheduler) -> None:
    """Fill the bounded history and trace: an hour of requests would not, and look like a leak."""
    for _ in range(0, scheduler.config.history_size * _FILLED, _BATCH):
        await asyncio.gather(*(scheduler.submit(_nothing) for _ in range(_BATCH)))
    gc.collect()


async def _nothing() -> None:
    pass


class Soaking:
    """A soak under way: clients, faults, looks."""

    def __init__(self, load: Load, pace: Pace, soak: Soak, seed: int) -> None:
        self._load = load
        self._pace = pace
        self._soak = soak
        self._faults = Faults(load.scheduler, seed)
        soak.faults = self._faults.done
        self._turns: set[asyncio.Task[bool]] = set()
        self._numbers = itertools.count()

    async def run(self, lines: SoakRecord, progress: Progress) -> None:
        """Soak until the time is over or the task is cancelled; then end what is under way.

        Raises:
            AssertionError: a fault was not told to whoever caused it.
        """
        work = [asyncio.create_task(self._client()) for _ in range(self._pace.clients)]
        work.append(asyncio.create_task(self._trouble()))
        try:
            await self._watch(work, lines, progress)
        except asyncio.CancelledError:
            progress("stopped early")  # what was seen so far is what Ctrl-C asks for
        finally:
            for task in (*work, *self._turns):
                task.cancel()
            await asyncio.gather(*work, *self._turns, return_exceptions=True)

    async def _watch(
        self, work: list[asyncio.Task[None]], lines: SoakRecord, progress: Progress
    ) -> None:
        clock = asyncio.get_running_loop().time
        begun, soak = clock(), self._soak
        while (passed := clock() - begun) < self._pace.seconds:
            await asyncio.sleep(min(self._pace.looks, self._pace.seconds - passed))
            now = look(clock() - begun)
            soak.samples.append(now)
            lines.add(soak, now)
            counts = (dict(each) for each in (soak.turns, soak.faults, soak.errors))
            left = (self._pace.seconds - now.seconds) / 60
            progress(f"{left:.1f} min  {now.rss_mb:.1f} MiB  " + "  ".join(map(str, counts)))
            for task in work:
                if task.done():
                    task.result()  # the work has no end: it failed

    async def _trouble(self) -> None:
        while True:
            await asyncio.sleep(self._pace.fault_every)
            await self._faults.next(self._turns)

    async def _client(self) -> None:
        """Ask one request after the other; each is a task, so that it can be cancelled."""
        while True:
            name = f"turn-{next(self._numbers):09d}"
            self._soak.turns["asked"] += 1
            task = asyncio.create_task(self._ask(), name=name)
            self._turns.add(task)
            try:
                await asyncio.wait({task})
            finally:
                self._turns.discard(task)
            if task.cancelled():
                self._soak.turns["cancelled"] += 1
            else:
                self._soak.turns["answered" if task.result() else "lost"] += 1

    async def _ask(self) -> bool:
        """Ask until there is an answer; a killed process may cost attempts, never the request."""
        told: list[str] = []
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._soak.turns["asked_again"] += 1
                await asyncio.sleep(_PAUSE * attempt)
            try:
                await self._load.request()
            except Exception as error:  # noqa: BLE001 - a failed attempt is a result
                told.append(self._failed(error))
            else:
                return True
        if len(self._soak.lost) < _TOLD:
            self._soak.lost.append(told)
        return False

    def _failed(self, error: Exception) -> str:
        kind, words = type(error).__name__, f"{error}"[:_LONGEST]
        self._soak.errors[kind] += 1
        self._soak.said[kind] = words
        return f"{kind}: {words}"
