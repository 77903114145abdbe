"""Durable tasks: recorded before they run, run again after a crash, kept when they fail."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack, cast

from xy_core.core.durable_runner import DurableRunner
from xy_core.core.durable_task import DurableFunction, DurableTask, marked
from xy_core.core.errors import InvalidTaskError, QueueFull, SchedulerClosed
from xy_core.core.journal import Journal
from xy_core.core.options import TaskOptions
from xy_core.core.payload import arguments_as_json, as_priority, check_name
from xy_core.core.records import Change, DurableStatus, TaskRecord, Written
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskType

_CHUNK = 250
"""Tasks of one transaction of `submit_many`."""


class DurableOptions(TypedDict, total=False):
    """What the scheduler is told of every task of a function; see `TaskOptions`."""

    task_type: TaskType
    device: str | None
    model: str | None
    memory: int
    timeout: float | None
    key: str | None
    preemptible: bool


class DurableTasks:
    """Runs functions by name, at least once for each task that was submitted.

    A task is in the journal before `submit` returns. It runs in a lane like any other; if the
    program crashes or is killed meanwhile, it runs again after the next start. What is recorded as
    done never runs again. A task that failed for good is kept as a dead letter. A function may
    see the same task twice, so what it does to the world should bear repetition.

        await durable.register("mail.send", send_mail, retries=8)
        task = await durable.submit("mail.send", {"to": "ann@example.org"}, key="welcome-ann")
        await task

    The journal is opened when the first function is registered or the first task submitted. All
    methods belong to the event loop's thread.

    Attributes:
        journal: where tasks are recorded.
        clock: seconds since the epoch.
        when_open: called once the journal is open.
    """

    def __init__(
        self,
        scheduler: GlobalTaskScheduler,
        journal: Journal,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.journal = journal
        self.clock = clock or journal.now
        self.when_open: Callable[[], None] | None = None
        self._scheduler = scheduler
        self._runner = DurableRunner(scheduler, journal, self.clock)
        self._numbers = itertools.count(1)
        self._opening = asyncio.Lock()
        self._feeder: asyncio.Task[None] | None = None

    # -- life --------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the journal and see what the last process left; harmless if it is open.

        Raises:
            JournalError: it cannot be used.
            SchedulerClosed: the program is stopping.
        """
        if self._feeder is not None and not self._runner.stopping:
            return
        async with self._opening:
            if self._runner.stopping:
                raise SchedulerClosed("durable tasks are stopping: nothing new is taken")
            if self._feeder is None:
                await self._open()

    async def stop(self) -> None:
        """Start no more tasks; what runs goes on until the scheduler stops it."""
        self._runner.stopping = True
        if self._feeder is not None:
            self._feeder.cancel()
            await asyncio.wait([self._feeder])

    async def close(self) -> None:
        """Record what has ended and close the journal; what has not ended runs the next time.

        Raises:
            JournalError: the last outcomes could not be recorded.
        """
        await self.stop()
        try:
            await self.journal.close()
        finally:
            self._runner.abandon()

    # -- functions ---------------------------------------------------------------------------

    async def register(
        self,
        name: str,
        fn: Callable[..., Any],
        *,
        retries: int = 5,
        retry_on: tuple[type[BaseException], ...] = (Exception,),
        backoff: float = 1.0,
        longest_backoff: float = 600.0,
        **options: Unpack[DurableOptions],
    ) -> None:
        """Say which function runs tasks of a name; those that wait in the journal begin.

        Args:
            name: what the journal calls it; must stay the same from version to version.
            fn: takes the arguments as keywords, after the model if there is one; of the kind that
                its lane takes (see `GlobalTaskScheduler.submit`).
            retries: further attempts after a failure, or after the program ended meanwhile.
            retry_on: the errors that are worth one.
            backoff: seconds that the wait after the first failure may take; it doubles each time.
            longest_backoff: seconds of the longest wait.
            **options: its lane and bounds.

        Raises:
            InvalidTaskError: the name is taken, or the function does not fit the task type.
            JournalError: the journal cannot be used.
        """
        check_name(name)
        if retries < 0 or not 0 < backoff <= longest_backoff:
            raise InvalidTaskError(
                "retries must not be negative, and 0 < backoff ≤ longest_backoff"
            )
        task_type = options.get("task_type", TaskType.DEFAULT)
        self._scheduler.check(fn, task_type, options.get("device"))
        await self.open()
        if name in self._runner.functions:
            raise InvalidTaskError(f"durable function {name!r} is registered: unregister it first")
        if task_type is not TaskType.PROCESS:
            fn = marked(fn, self.journal.store.running)
        described: TaskOptions = {"name": name, "priority": TaskPriority.MEDIUM}
        described |= cast("TaskOptions", {**options, "task_type": task_type})
        self._runner.functions[name] = DurableFunction(
            name, fn, retries, retry_on, backoff, longest_backoff, described
        )
        self._runner.look_again()

    def unregister(self, name: str) -> None:
        """Forget a function; its tasks wait in the journal until it is registered again."""
        self._runner.functions.pop(name, None)

    # -- tasks -------------------------------------------------------------------------------

    async def submit(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        priority: TaskPriority = TaskPriority.MEDIUM,
        delay: float = 0.0,
    ) -> DurableTask:
        """Record a task; once this returns, it will run, whatever happens.

        Args:
            name: a function's name; the task waits until that is registered.
            arguments: its keyword arguments, plain JSON types.
            key: an idempotency key: if a task of that name and key is in the journal, that one
                is returned, however far it has come. Done tasks are remembered for a time.
            priority: as of any task.
            delay: seconds before it may run.

        Raises:
            InvalidTaskError: the arguments are no JSON or too large.
            QueueFull: too much waits to be recorded.
            JournalError: it could not be recorded, and will not run.
        """
        await self.open()
        due_at = self.clock() + delay if delay > 0 else 0.0
        placed: list[DurableTask] = []
        self.put(name, arguments or {}, placed, key=key, priority=priority, due_at=due_at)
        await self.journal.commit()
        return placed[0]

    async def submit_many(
        self,
        name: str,
        arguments: Iterable[Mapping[str, Any]],
        *,
        keys: Sequence[str] | None = None,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> list[DurableTask]:
        """Record many tasks of one function, hundreds a transaction; see `submit`.

        If it raises, those of earlier transactions are recorded; idempotency keys (one for each
        task) make it safe to call it again.
        """
        await self.open()
        every = list(arguments)
        if keys is not None and len(keys) != len(every):
            raise InvalidTaskError(f"{len(every)} tasks were given {len(keys)} idempotency keys")
        placed: list[DurableTask] = []
        for begin in range(0, len(every), _CHUNK):
            for number in range(begin, min(begin + _CHUNK, len(every))):
                key = None if keys is None else keys[number]
                self.put(name, every[number], placed, key=key, priority=priority)
            await self.journal.commit()
        return placed

    def put(
        self,
        name: str,
        arguments: Mapping[str, Any],
        placed: list[DurableTask],
        *,
        key: str | None = None,
        schedule: str | None = None,
        priority: TaskPriority = TaskPriority.MEDIUM,
        due_at: float = 0.0,
    ) -> None:
        """Put a task into the journal's next transaction; it is in `placed` once that is written.

        Whoever calls this awaits `Journal.commit`. See `submit` for the arguments and errors.
        """
        check_name(name)
        if key is not None:
            check_name(key)
        journal = self.journal
        if journal.full:
            raise QueueFull("journal", journal.config.queue_size, 1.0)
        text = arguments_as_json(arguments, journal.config.max_payload)
        number = next(self._numbers)
        task = DurableTask(number, name, text)
        task.key, task.schedule, task.priority = key, schedule, as_priority(priority)
        now = self.clock()
        row = (number, name, text, key, schedule, int(priority), now, due_at or now)
        journal.put(Change.ADD, row, functools.partial(self._recorded, task, due_at, placed))
        if key is not None:
            journal.ask(number, name, key)

    async def task(self, task_id: int) -> DurableTask:
        """Return a task by its number, to await it.

        Raises:
            InvalidTaskError: the journal has no such task (any more).
        """
        await self.open()
        known = self._runner.known(task_id)
        if known is not None:
            return known
        task = DurableTask(task_id)
        # Before the journal is read: an outcome that is recorded meanwhile must reach it.
        self._runner.watch(task)
        record = await self.journal.run(lambda records: records.find_task(task_id))
        if record is None:
            raise InvalidTaskError(f"the journal has no durable task {task_id}")
        if not task.done():
            task.name = record.name
            task.settle_as_recorded(record.status, record.result, record.error)
        return task

    async def find(self, status: DurableStatus | None = None, limit: int = 100) -> list[TaskRecord]:
        """Return what the journal has of the newest tasks, of one status or of all."""
        await self.open()
        await self.journal.commit()
        return await self.journal.run(lambda records: records.find_tasks(status, limit))

    async def requeue(self, task_ids: Sequence[int] | None = None) -> list[int]:
        """Let dead letters begin anew, all if no numbers are given; returns those that do."""
        await self.open()
        await self.journal.commit()
        begun = await self.journal.run(lambda records: records.requeue(task_ids))
        self._runner.look_again()
        return begun

    # -- inside ------------------------------------------------------------------------------

    async def _open(self) -> None:
        journal = self.journal
        await journal.open()
        self._numbers = itertools.count(await journal.run(lambda records: records.first_number()))
        self._feeder = asyncio.create_task(self._runner.feed(), name="durable tasks")
        if self.when_open is not None:
            self.when_open()

    def _recorded(
        self,
        task: DurableTask,
        due_at: float,
        placed: list[DurableTask],
        written: Written,
    ) -> None:
        """Take a task that is in the journal now, or the older one that has its key."""
        if task.key is not None:
            task_id, status, result, error = written.by_key[str(task.task_id)]
            if task_id != task.task_id:
                placed.append(self._older(task, task_id, status, result, error))
                return
        placed.append(task)
        self._runner.take(task, due_at)

    def _older(
        self, task: DurableTask, task_id: int, status: str, result: str | None, error: str | None
    ) -> DurableTask:
        known = self._runner.known(task_id)
        if known is None:
            known = task
            task.task_id = task_id
            self._runner.watch(task)
            task.settle_as_recorded(DurableStatus(status), json.loads(result or "null"), error)
        return known
