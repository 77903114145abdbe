"""Periodic tasks: durable tasks that are submitted at intervals or by a cron expression."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from xy_core.core.durable import DurableTasks
from xy_core.core.durable_runner import schedule_key
from xy_core.core.durable_task import DurableTask
from xy_core.core.errors import InvalidTaskError, JournalError, TaskError
from xy_core.core.payload import arguments_as_json, check_name
from xy_core.core.periodic_task import MissedRuns, Overlap, PeriodicTask
from xy_core.core.records import Change, ScheduleRecord
from xy_core.core.schedule import Schedule
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority

log = structlog.get_logger("periodic")

_LOOK = 60.0
"""Longest wait, in seconds: the wall clock may be set, and machines sleep."""
_SHARED_LOOK = 5.0
"""The same where other engines may add and remove periodic tasks."""
_AGAIN = 1.0
"""Seconds after which a run that could not be recorded is tried again."""


class _Entry:
    """A periodic task, and how far it has come."""

    __slots__ = ("began_at", "last_due", "periodic", "wake")

    def __init__(self, periodic: PeriodicTask, began_at: float, last_due: float) -> None:
        self.periodic = periodic
        self.began_at = began_at
        self.last_due = last_due
        self.wake = 0.0

    def plan(self) -> None:
        """Choose when to look again: at the next due time, some jitter later."""
        jitter = random.uniform(0, self.periodic.jitter)  # noqa: S311 - jitter is no secret
        self.wake = self.next_due() + jitter

    def next_due(self) -> float:
        return self.periodic.schedule.after(self.last_due, self.began_at)

    def dues(self, now: float) -> list[float]:
        """Return the due times since the last one, latest first, not too many."""
        times = self.periodic.schedule.until(now, self.began_at)
        since = itertools.takewhile(lambda due: due > self.last_due, times)
        return list(itertools.islice(since, self.periodic.most))


class PeriodicTasks:
    """Submits durable tasks when they are due.

    That a run was due and the run itself are recorded in one transaction, so that a crash makes
    no run happen twice and loses none but by policy. After a restart everything goes on from the
    journal, whether it is added again or not, once its function is registered. All methods belong
    to the event loop's thread.

        await durable.register("memory.tidy", tidy)
        await periodic.add("nightly", "memory.tidy", Cron("30 3 * * *", "Europe/Berlin"))
    """

    def __init__(self, scheduler: GlobalTaskScheduler, durable: DurableTasks) -> None:
        self._scheduler = scheduler
        self._durable = durable
        self._journal = durable.journal
        self._entries: dict[str, _Entry] = {}
        self._loaded = asyncio.Event()
        self._changed = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        durable.when_open = self._begin

    async def add(
        self,
        name: str,
        task: str,
        schedule: Schedule,
        *,
        arguments: Mapping[str, Any] | None = None,
        overlap: Overlap = Overlap.SKIP,
        missed: MissedRuns = MissedRuns.ONCE,
        jitter: float = 0.0,
        grace: float = 1.0,
        most: int = 100,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> None:
        """Record a periodic task; it goes on from where it was if it is the same as before.

        Args:
            name: its own name; one of that name that is not the same is replaced, and begins anew.
            task: the name of a durable function.
            schedule: when it is due.
            arguments: the function's keyword arguments.
            overlap: what to do when it is due while an earlier run has not ended.
            missed: what to do about due times that passed while the program did not run.
            jitter: seconds by which each run may be late, chosen at random, so that many programs
                do not all begin at the same moment.
            grace: seconds after which a due time that nobody was there for counts as missed.
            most: runs that are made up for, or wait, at most.
            priority: as of any task.

        Raises:
            InvalidTaskError: something of it makes no sense.
            JournalError: it could not be recorded.
        """
        check_name(name)
        check_name(task)
        given = dict(arguments or {})
        arguments_as_json(given, self._journal.config.max_payload)
        periodic = PeriodicTask(
            name, task, schedule, given, overlap, missed, jitter, grace, most, priority
        )
        await self._open()
        known = self._entries.get(name)
        if known is not None and known.periodic == periodic:
            return
        now = round(self._durable.clock(), 3)
        self._journal.put(Change.SCHEDULE, (name, periodic.as_json(), now))
        await self._journal.commit()
        record = await self._journal.run(lambda records: records.schedule(name))
        if record is not None:  # another engine may have removed it at once
            self._take(_Entry(periodic, record.began_at, record.last_due))
        self._changed.set()

    async def remove(self, name: str) -> bool:
        """Forget a periodic task; runs that were recorded go on. False if there is none."""
        await self._open()
        if name not in self._entries:
            return False
        self._journal.put(Change.UNSCHEDULE, (name,))
        await self._journal.commit()
        del self._entries[name]
        return True

    async def upcoming(self) -> dict[str, tuple[PeriodicTask, float]]:
        """Return all periodic tasks and when each is due next, in seconds since the epoch."""
        await self._open()
        return {name: (entry.periodic, entry.next_due()) for name, entry in self._entries.items()}

    async def stop(self) -> None:
        """Submit no more; due times that pass from now on are missed ones."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait([self._runner])

    # -- inside ------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._runner = asyncio.create_task(self._run(), name="periodic tasks")

    async def _open(self) -> None:
        await self._durable.open()
        await self._loaded.wait()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            if self._journal.store.shared or not self._loaded.is_set():
                await self._load_or_note()
            now = self._durable.clock()
            async with asyncio.TaskGroup() as group:
                for entry in self._entries.values():
                    if entry.wake <= now:
                        group.create_task(self._fire_or_note(entry))
            await self._rest()

    async def _load_or_note(self) -> None:
        try:
            self._load(await self._journal.run(lambda records: records.schedules()))
        except JournalError as error:
            log.warning("periodic tasks cannot be read", reason=str(error))
            await asyncio.sleep(_AGAIN)

    def _load(self, records: Sequence[ScheduleRecord]) -> None:
        """Take over what the journal has; what is known and unchanged goes on."""
        for name in self._entries.keys() - {record.name for record in records}:
            del self._entries[name]
        for record in records:
            try:
                periodic = PeriodicTask.from_json(record.name, record.definition)
            except (InvalidTaskError, KeyError, TypeError, ValueError) as error:
                log.warning("periodic task not understood", name=record.name, reason=str(error))
                continue
            known = self._entries.get(record.name)
            if known is None or (known.periodic, known.began_at) != (periodic, record.began_at):
                self._take(_Entry(periodic, record.began_at, record.last_due))
        self._loaded.set()

    def _take(self, entry: _Entry) -> None:
        periodic = entry.periodic
        entry.plan()
        self._entries[periodic.name] = entry
        limit = 1 if periodic.overlap is Overlap.QUEUE else None
        self._scheduler.limit_key(schedule_key(periodic.name), limit)

    async def _rest(self) -> None:
        wakes = [entry.wake for entry in self._entries.values()]
        wait = min(wakes, default=float("inf")) - self._durable.clock()
        look = _SHARED_LOOK if self._journal.store.shared else _LOOK
        if not self._loaded.is_set():
            look = 0.0
        try:
            async with asyncio.timeout(max(0.001, min(look, wait))):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _fire_or_note(self, entry: _Entry) -> None:
        try:
            await self._fire(entry)
        except (JournalError, TaskError) as error:
            log.warning("run not recorded", name=entry.periodic.name, reason=str(error))
            entry.wake = self._durable.clock() + _AGAIN
        else:
            entry.plan()

    async def _fire(self, entry: _Entry) -> None:
        """Submit the runs that are due now, and note up to where this is done."""
        periodic = entry.periodic
        await self._journal.commit()  # runs that have just ended count as such
        record = await self._journal.run(lambda records: records.schedule(periodic.name))
        if record is None:
            return  # another engine has removed it
        entry.last_due = max(entry.last_due, record.last_due)
        now = self._durable.clock()
        dues = entry.dues(now)
        if not dues:
            return  # the clock was set back, or another engine was faster
        chosen = periodic.choose(dues, now)
        if periodic.overlap is not Overlap.PARALLEL:
            chosen = chosen[: periodic.room(record.unfinished)]
        if len(chosen) < len(dues):
            log.info("runs passed over", name=periodic.name, count=len(dues) - len(chosen))
        placed: list[DurableTask] = []
        for due in reversed(chosen):
            self._durable.put(
                periodic.task,
                periodic.arguments,
                placed,
                key=f"{periodic.name}@{due:.3f}",
                schedule=periodic.name,
                priority=periodic.priority,
            )
        self._journal.put(Change.PASSED, (periodic.name, dues[0]))
        await self._journal.commit()
        entry.last_due = dues[0]
