"""A program with durable tasks that a test opens, crashes and opens again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Self

from xy_core.core.config import JournalConfig, LaneConfig, SchedulerConfig
from xy_core.core.durable import DurableTasks
from xy_core.core.in_flight import InFlight, in_flight_path
from xy_core.core.journal import Journal
from xy_core.core.periodic import PeriodicTasks
from xy_core.core.scheduler import GlobalTaskScheduler

TWO = LaneConfig(min_workers=2, max_workers=2, queue_size=100)


class Program:
    """Scheduler, journal, durable and periodic tasks; ``async with`` ends it in order."""

    def __init__(self, path: Path, clock: Any = None, store: Any = None, **config: Any) -> None:
        self.path = path
        self.scheduler = GlobalTaskScheduler(SchedulerConfig(default=TWO, cpu=TWO))
        self.journal = Journal(JournalConfig(path=path, synchronous="normal", **config), store)
        given = {} if clock is None else {"clock": clock}
        self.durable = DurableTasks(self.scheduler, self.journal, **given)
        self.periodic = PeriodicTasks(self.scheduler, self.durable)

    async def __aenter__(self) -> Self:
        await self.scheduler.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.periodic.stop()
        await self.durable.stop()
        await self.scheduler.stop()
        await self.durable.close()

    async def crash(self) -> None:
        """End as SIGKILL would: nothing more is written, and what ran stays marked as running."""
        await self.periodic.stop()
        await self.durable.stop()
        marked = self.journal.store.running.left() if self.journal.is_open else []
        written, self.journal.is_open = self.journal.is_open, False
        if self.journal._timer is not None:
            self.journal._timer.cancel()
        while self.journal._writing:  # what the thread has begun, it ends
            await asyncio.sleep(0)
            if self.journal._timer is not None:
                self.journal._timer.cancel()
        await self.scheduler.stop()
        if written:
            await asyncio.get_running_loop().run_in_executor(
                self.journal._thread, self.journal.store.close
            )
            self.journal._thread.shutdown()
        page = InFlight(in_flight_path(self.path))
        page.clear()
        for number in marked:
            page.enter(number)
        page.close()
