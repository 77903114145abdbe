"""Faults that a soak brings about: killed processes, failing tasks, tasks that take too long."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any

import psutil

from xy_core.core.errors import TaskTimeout
from xy_core.core.scheduler import GlobalTaskScheduler

KINDS = ("kill", "cancel", "fail", "time_out")


class ExpectedError(Exception):
    """What a failing task raises."""


class Faults:
    """Brings about one fault after the other, and counts them.

    Attributes:
        done: how many of each kind.
    """

    def __init__(self, scheduler: GlobalTaskScheduler, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._scheduler = scheduler
        self._source = random.Random(seed)  # noqa: S311 - a load, not a secret

    async def next(self, turns: Collection[asyncio.Task[bool]]) -> None:
        """Bring about the next fault; `turns` are the requests under way.

        Raises:
            AssertionError: a failure or a timeout did not reach its caller.
        """
        kind = KINDS[self.done.total() % len(KINDS)]
        self.done[kind] += 1
        match kind:
            case "kill":
                await asyncio.to_thread(self._kill)
            case "cancel":
                self._cancel(turns)
            case "fail":
                await self._expect(_fail, None, ExpectedError)
            case _:
                await self._expect(_sleep, 0.01, TaskTimeout)

    def _kill(self) -> None:
        """Kill the process of some model, but not Python's own tracker of shared memory."""
        children = [one for one in psutil.Process().children() if _is_worker(one)]
        if children:
            with suppress(psutil.NoSuchProcess):  # it has just ended by itself
                self._source.choice(children).kill()

    def _cancel(self, turns: Collection[asyncio.Task[bool]]) -> None:
        if turns:
            self._source.choice(sorted(turns, key=lambda task: task.get_name())).cancel()

    async def _expect(
        self,
        work: Callable[[], Coroutine[Any, Any, None]],
        limit: float | None,
        error: type[Exception],
    ) -> None:
        try:
            await self._scheduler.run(work, timeout=limit)
        except error:
            return
        raise AssertionError(f"{error.__name__} did not reach its caller")


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False


async def _fail() -> None:
    raise ExpectedError


async def _sleep() -> None:
    await asyncio.sleep(60)
