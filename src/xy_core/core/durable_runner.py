"""Between the journal and the lanes: which durable tasks are in memory, and what became of them."""

from __future__ import annotations

import asyncio
import functools
import json
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast
from weakref import WeakValueDictionary

import structlog

from xy_core.core.durable_task import DurableFunction, DurableTask
from xy_core.core.errors import (
    DeadLetter,
    InvalidTaskError,
    JournalError,
    QueueFull,
    SchedulerClosed,
)
from xy_core.core.job import Job
from xy_core.core.journal import Journal
from xy_core.core.journal_store import TaskRecords
from xy_core.core.payload import as_json, in_words
from xy_core.core.records import Change, DurableStatus, Row, TaskRecord, Written
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskStatus, TaskType

log = structlog.get_logger("durable")

_ANSWERS = 1_000
"""Tasks whose outcomes are asked for at a time."""
_STEP = 8
"""Tasks that are handed to the scheduler before the loop gets to other things."""
_AGAIN = 1.0
"""Seconds after which a journal that failed is read again."""
_CLEAN = 60.0
"""Seconds between two deletions of old results."""
_CRASHED = "the program ended while it ran"


class _Held:
    """A task in memory that this program runs."""

    __slots__ = ("function", "job", "task")

    def __init__(self, task: DurableTask, function: DurableFunction) -> None:
        self.task = task
        self.function = function
        self.job: Job | None = None


class DurableRunner:
    """Keeps a window of each function's tasks in memory and the rest in the journal alone.

    So memory is bounded however many tasks wait, and a full lane of one function holds up no
    other. A task is in memory until its outcome is recorded.

    Attributes:
        functions: those that are registered, by name.
        stopping: whether no more tasks are started.
    """

    def __init__(
        self, scheduler: GlobalTaskScheduler, journal: Journal, clock: Callable[[], float]
    ) -> None:
        self.functions: dict[str, DurableFunction] = {}
        self.stopping = False
        self._scheduler = scheduler
        self._journal = journal
        self._clock = clock
        self._window = journal.store.window
        self._held: dict[int, _Held] = {}
        self._elsewhere: WeakValueDictionary[int, DurableTask] = WeakValueDictionary()
        self._ready: deque[_Held] = deque()
        self._hungry = asyncio.Event()

    # -- what the journal has just taken in --------------------------------------------------

    def take(self, task: DurableTask, due_at: float) -> None:
        """Run a task that has been recorded, unless others of its name come first."""
        function = self.functions.get(task.name)
        first = not due_at and not self._journal.store.shared
        if function is not None and first and not self._is_behind(function):
            self._hold(task, function)
            return
        self.watch(task)
        if function is not None:
            if due_at:
                function.due_at = min(function.due_at, due_at)
            else:
                function.more = True
            self._hungry.set()

    def known(self, task_id: int) -> DurableTask | None:
        """Return a task that has not ended, if anybody holds it."""
        held = self._held.get(task_id)
        task = self._elsewhere.get(task_id) if held is None else held.task
        return None if task is None or task.done() else task

    def watch(self, task: DurableTask) -> None:
        """Let an object that somebody may hold be the one that is run and settled later."""
        self._elsewhere[task.task_id] = task

    def look_again(self) -> None:
        """Look into the journal for tasks of every function."""
        for function in self.functions.values():
            function.more = True
        self._hungry.set()

    def abandon(self) -> None:
        """Tell those who await a task that it will not end in this process."""
        error = SchedulerClosed("the program stopped first: the task runs after the next start")
        left = [held.task for held in self._held.values()] + list(self._elsewhere.values())
        self._held.clear()
        self._ready.clear()
        for task in left:
            if not task.done():
                task.settle(DurableStatus.WAITING, None, error)

    # -- to the scheduler --------------------------------------------------------------------

    def _is_behind(self, function: DurableFunction) -> bool:
        behind = function.more or function.fetching or function.held >= self._window
        return self.stopping or behind

    def _hold(self, task: DurableTask, function: DurableFunction) -> None:
        function.held += 1
        held = self._held[task.task_id] = _Held(task, function)
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._ready.append(held)

    def _hand_over(self) -> None:
        """Submit some of the ready tasks; the rest in the loop's next round."""
        ready = self._ready
        for _ in range(min(_STEP, len(ready))):
            held = ready.popleft()
            if not self.stopping:
                self._start(held)
        if ready:
            asyncio.get_running_loop().call_soon(self._hand_over)

    def _start(self, held: _Held) -> None:
        task, function = held.task, held.function
        if task.attempts > function.retries:
            self._bury(held, task.failure or _CRASHED, task.attempts)
            return
        options = function.options
        if task.priority is not options["priority"] or task.schedule is not None:
            options = {**options, "priority": task.priority}
            if task.schedule is not None:
                options["key"] = schedule_key(task.schedule)
        args: tuple[DurableTask, ...] = (task,)
        try:
            if options["task_type"] is TaskType.PROCESS:
                args, options = (), {**options, "kwargs": json.loads(task.arguments)}
            handle = self._scheduler.submit(function.fn, *args, **options)
        except (QueueFull, SchedulerClosed) as error:
            wait = error.retry_after if isinstance(error, QueueFull) else math.inf
            function.blocked_until = asyncio.get_running_loop().time() + wait
            function.more = True
            self.watch(task)
            self._let_go(held)
        except (InvalidTaskError, ValueError, RecursionError) as error:
            self._bury(held, str(error), task.attempts)
        else:
            job = held.job = cast("Job", handle)
            job.on_settled = functools.partial(self._ended, held, job)

    # -- back to the journal -----------------------------------------------------------------

    def _ended(self, held: _Held, job: Job) -> None:
        """Record the outcome of an attempt."""
        task = held.task
        if self._held.get(task.task_id) is not held:
            return  # another engine has it
        status = job.info.status
        if status is TaskStatus.COMPLETED:
            self._complete(held, job.result())
        elif status is not TaskStatus.CANCELLED:
            self._fail(held, job)
        elif not self.stopping:
            self._bury(held, f"cancelled: {job.info.error}", task.attempts)
        if task.awaited:
            self._journal.hurry()

    def _complete(self, held: _Held, result: Any) -> None:
        task = held.task
        text: str | None = None
        if result is not None:
            try:
                text = as_json(result, self._journal.config.max_payload)
            except InvalidTaskError as error:
                log.warning("result not kept", task=task.task_id, name=task.name, why=str(error))
        then = functools.partial(self._close_up, held, DurableStatus.DONE, result, None)
        self._journal.note(Change.DONE, (task.task_id, self._clock(), text), then)

    def _fail(self, held: _Held, job: Job) -> None:
        """Let the task wait for its next attempt, or give it up."""
        task, function = held.task, held.function
        attempts = task.attempts + 1
        if not function.worth_another(attempts, _error_of(job)):
            self._bury(held, job.info.error, attempts)
            return
        due_at = self._clock() + function.wait(attempts)
        row = (task.task_id, DurableStatus.WAITING, attempts, due_at, None, _words(job))
        self._journal.note(Change.FAILED, row, functools.partial(self._wait, held, due_at))

    def _bury(self, held: _Held, reason: str, attempts: int) -> None:
        task = held.task
        log.warning("dead letter", task=task.task_id, name=task.name, reason=reason)
        now = self._clock()
        row = (task.task_id, DurableStatus.DEAD, attempts, now, now, in_words(reason))
        dead = DeadLetter(task.task_id, task.name, reason)
        then = functools.partial(self._close_up, held, DurableStatus.DEAD, None, dead)
        self._journal.note(Change.FAILED, row, then)

    def _close_up(
        self,
        held: _Held,
        status: DurableStatus,
        result: Any,
        error: Exception | None,
        written: Written,
    ) -> None:
        self._let_go(held)
        if held.task.task_id in written.refused:
            self.watch(held.task)
        else:
            held.task.settle(status, result, error)

    def _wait(self, held: _Held, due_at: float, _written: Written) -> None:
        self.watch(held.task)
        held.function.due_at = min(held.function.due_at, due_at)
        self._let_go(held)
        self._hungry.set()

    def _let_go(self, held: _Held) -> None:
        function = held.function
        if self._held.get(held.task.task_id) is held:
            del self._held[held.task.task_id]
            function.held -= 1
        if function.held <= self._window // 2 and function.wants(self._clock()):
            self._hungry.set()

    def _give_up(self) -> None:
        """Stop what others have taken over, since this engine did not show itself for too long."""
        log.warning("other engines took the tasks of this one", count=len(self._held))
        given_up = list(self._held.values())
        self._held.clear()
        self._ready.clear()
        for held in given_up:
            held.function.held -= 1
            self.watch(held.task)
            if held.job is not None:
                held.job.cancel("another engine has taken the task over")
        self.look_again()

    # -- from the journal --------------------------------------------------------------------

    async def feed(self) -> None:
        """Bring tasks from the journal into memory as there is room and as they fall due."""
        version: int | None = None
        cleaned = -math.inf
        loop = asyncio.get_running_loop()
        while True:
            self._hungry.clear()
            try:
                version = await self._attend(version)
                for function in list(self.functions.values()):
                    await self._fetch(function)
                if loop.time() > cleaned + _CLEAN:
                    cleaned = loop.time()
                    await self._clean()
            except JournalError as error:
                log.warning("durable tasks cannot be read", reason=str(error))
                await asyncio.sleep(_AGAIN)
                continue
            await self._rest()

    async def _attend(self, version: int | None) -> int:
        """Look whether others have written, and take notice of it."""
        there = await self._journal.attend()
        if there.lost:
            self._give_up()
        if version is not None and there.version != version:
            self.look_again()
            await self._hear()
        return there.version

    async def _hear(self) -> None:
        """Settle the tasks that are awaited here and have ended elsewhere."""
        ids = [number for number, task in self._elsewhere.items() if not task.done()]
        for begin in range(0, len(ids), _ANSWERS):
            asked = ids[begin : begin + _ANSWERS]
            for record in await self._journal.run(functools.partial(_ended_of, asked)):
                self._settle_elsewhere(record)

    def _settle_elsewhere(self, record: TaskRecord) -> None:
        task = self._elsewhere.get(record.task_id)
        if task is not None and record.task_id not in self._held:
            task.settle_as_recorded(record.status, record.result, record.error)

    async def _rest(self) -> None:
        """Wait until there is something to fetch, but not for ever: others may write, too."""
        wait = self._journal.store.look
        moment, now = asyncio.get_running_loop().time(), self._clock()
        for function in self.functions.values():
            if function.held <= self._window // 2:
                due = 0.0 if function.more else function.due_at - now
                wait = min(wait, max(due, function.blocked_until - moment))
        try:
            async with asyncio.timeout(max(0.001, wait)):
                await self._hungry.wait()
        except TimeoutError:
            pass

    async def _fetch(self, function: DurableFunction) -> None:
        now = self._clock()
        blocked = asyncio.get_running_loop().time() < function.blocked_until
        if blocked or function.held > self._window // 2 or not function.wants(now):
            return
        limit, name = self._window - function.held, function.name
        held = [number for number, one in self._held.items() if one.function is function]
        # What comes to be due during the look must not be forgotten by its result.
        function.more, function.due_at, function.fetching = False, math.inf, True
        try:
            found = await self._journal.run(lambda records: records.claim(name, now, held, limit))
            self._hold_found(function, found)
            if len(found) == limit:
                function.more = True
            else:
                later = await self._journal.run(lambda records: records.next_due(name, now))
                function.due_at = min(function.due_at, later or math.inf)
        except JournalError:
            function.more = True
            raise
        finally:
            function.fetching = False

    def _hold_found(self, function: DurableFunction, found: Sequence[Row]) -> None:
        if self.functions.get(function.name) is not function:
            return
        for task_id, *row in found:
            if task_id not in self._held:
                task = self.known(task_id) or DurableTask(task_id)
                task.revive(function.name, row)
                self._hold(task, function)

    async def _clean(self) -> None:
        config = self._journal.config
        before = self._clock() - config.keep_seconds
        while await self._journal.run(lambda records: records.expire(before, config.keep_done)):
            pass


def _ended_of(ids: Sequence[int], records: TaskRecords) -> list[TaskRecord]:
    return records.find_ended(ids)


def schedule_key(schedule: str) -> str:
    """Return the scheduler's key of all runs of a periodic task."""
    return f"schedule {schedule}"


def _words(job: Job) -> str:
    return in_words(job.info.error)


def _error_of(job: Job) -> BaseException:
    try:
        job.result()
    except BaseException as error:  # noqa: BLE001 - it is the outcome
        return error
    raise RuntimeError(f"task {job.task_id} did not fail")
