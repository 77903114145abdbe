"""Supervision: modules that fail are restarted, but not for ever."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Mapping
from typing import Protocol

import structlog

from xy_core.core.config import EngineConfig
from xy_core.core.errors import ModuleError

log = structlog.get_logger("engine")

_BACKOFF_CAP = 30.0


class RestartBudget:
    """How often a module may be restarted within a window, and how long to wait before each time.

    As an Erlang supervisor counts restarts; the wait is exponential backoff with full jitter.
    Sources: the OTP Design Principles, "Supervisor Behaviour"; M. Brooker, "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._restarts: deque[float] = deque()

    def take(self, now: float) -> float | None:
        """Return the seconds to wait before the next restart, or None if there were too many."""
        while self._restarts and self._restarts[0] <= now - self._config.restart_window:
            self._restarts.popleft()
        if len(self._restarts) >= self._config.max_restarts:
            return None
        longest = min(_BACKOFF_CAP, self._config.restart_backoff * 2.0 ** len(self._restarts))
        self._restarts.append(now)
        return random.uniform(0, longest)  # noqa: S311 - jitter is no secret


class Supervised(Protocol):
    """What a supervisor needs of the engine."""

    async def ailing(self) -> Mapping[str, Exception]:
        """Return the running modules that have failed, and why."""

    async def take_down(self, name: str, error: Exception) -> list[str]:
        """Stop a module, if it runs, with its dependants; returns all their names."""

    async def bring_back(self, names: list[str]) -> bool:
        """Load those again that were taken down and are still wanted; whether all of them run."""

    def keep_waiting(self, names: list[str], error: Exception) -> None:
        """Note that those of them that are down will be tried again."""

    def give_up(self, names: list[str], error: Exception) -> None:
        """Note that those of them that are down stay down."""


class Supervisor:
    """Looks at the modules' health again and again, and restarts those that have failed.

    Attributes:
        restarts: how often each module was restarted.
    """

    def __init__(self, engine: Supervised, config: EngineConfig) -> None:
        self.restarts: Counter[str] = Counter()
        self._engine = engine
        self._config = config
        self._budgets: dict[str, RestartBudget] = {}
        self._restarting: dict[str, asyncio.Task[None]] = {}
        self._reported: dict[str, Exception] = {}
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._watching = asyncio.get_running_loop().create_task(self._watch(), name="supervisor")

    async def stop(self) -> None:
        """End watching and restarting."""
        tasks = [*self._restarting.values(), *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._restarting.clear()
        self._watching = None

    def failed(self, name: str, error: Exception) -> None:
        """Have a module restarted that cannot go on; once, however often it says so."""
        if self._watching is None:
            return
        if name in self._restarting:
            self._reported[name] = error
            return
        task = asyncio.get_running_loop().create_task(
            self._restart(name, error), name=f"restart:{name}"
        )
        self._restarting[name] = task
        task.add_done_callback(lambda _: self._restarting.pop(name, None))

    def forgive(self, name: str) -> None:
        """Forget a module's restarts: somebody has seen to it."""
        self._budgets.pop(name, None)

    async def _watch(self) -> None:
        before: Mapping[str, Exception] = {}
        while True:
            await asyncio.sleep(self._config.health_interval)
            ailing = await self._engine.ailing()
            for name in ailing.keys() & before.keys():  # one bad moment is no failure
                self.failed(name, ailing[name])
            before = ailing

    async def _restart(self, name: str, failure: Exception) -> None:
        error: Exception | None = failure
        while error is not None:
            names = await self._engine.take_down(name, error)
            if not names or not await self._revive(name, names, error):
                return
            error = self._reported.pop(name, None)  # it runs, but has failed again

    async def _revive(self, name: str, names: list[str], error: Exception) -> bool:
        """Try to bring modules back, as often as the budget allows; whether it succeeded."""
        budget = self._budgets.setdefault(name, RestartBudget(self._config))
        while (delay := budget.take(asyncio.get_running_loop().time())) is not None:
            log.warning("module is restarted", module=name, after=round(delay, 2))
            await asyncio.sleep(delay)
            self.restarts[name] += 1
            self._reported.pop(name, None)  # what it said before it was stopped
            if await self._engine.bring_back(names):
                return True
            self._engine.keep_waiting(names, error)
        self._engine.give_up(names, self._too_often(error))
        return False

    def _too_often(self, error: Exception) -> ModuleError:
        config = self._config
        failure = ModuleError(
            f"it failed again after {config.max_restarts} restarts within "
            f"{config.restart_window:g} s ({error}): mend the cause and load it again"
        )
        failure.__cause__ = error
        return failure
