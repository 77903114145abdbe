"""One durable task in memory, and the function that tasks of its name run."""

from __future__ import annotations

import asyncio
import functools
import json
import math
from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from xy_core.core.backoff import full_jitter
from xy_core.core.errors import DeadLetter
from xy_core.core.functions import is_coroutine_function
from xy_core.core.journal_store import Marks
from xy_core.core.options import TaskOptions
from xy_core.core.records import DurableStatus
from xy_core.core.task import TaskPriority

this_task: ContextVar[DurableTask] = ContextVar("this_task")
"""The durable task that runs here; not in worker processes."""


class DurableTask:
    """Holds one durable task: await it for its result.

    Its result is what the function returned, in the process that ran it, and what JSON keeps of
    it later. Awaiting a dead letter raises `DeadLetter`; awaiting a task that waits for its next
    attempt goes on waiting. Giving up the wait, or dropping the object, leaves the task alone.

    Attributes:
        task_id: its number in the journal.
        name: under which its function is registered.
        arguments: the function's keyword arguments, as JSON.
        key: its idempotency key, if it has one.
        schedule: the periodic task whose run it is, if it is one.
        priority: how urgent it is.
        attempts: those that failed or went down with their process.
        status: how far it has come, as far as the journal has recorded.
        failure: the last error in words.
    """

    __slots__ = (
        "__weakref__",
        "_error",
        "_result",
        "_waiters",
        "arguments",
        "attempts",
        "failure",
        "key",
        "name",
        "priority",
        "schedule",
        "status",
        "task_id",
    )

    def __init__(self, task_id: int, name: str = "", arguments: str = "{}") -> None:
        self.task_id = task_id
        self.name = name
        self.arguments = arguments
        self.key: str | None = None
        self.schedule: str | None = None
        self.priority = TaskPriority.MEDIUM
        self.attempts = 0
        self.status = DurableStatus.WAITING
        self.failure: str | None = None
        self._result: Any = None
        self._error: Exception | None = None
        self._waiters: list[asyncio.Future[None]] | None = None

    @property
    def awaited(self) -> bool:
        """Whether anybody waits for its outcome."""
        return self._waiters is not None

    def done(self) -> bool:
        """Whether the outcome is known and recorded."""
        return self.status is not DurableStatus.WAITING or self._error is not None

    def settle(self, status: DurableStatus, result: object, error: Exception | None) -> None:
        """Fix the outcome and wake everybody who awaits it."""
        self.status = status
        self._result = result
        self._error = error
        waiters, self._waiters = self._waiters or [], None
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def settle_as_recorded(self, status: DurableStatus, result: object, error: str | None) -> None:
        """Take over the outcome that the journal has, if it has one."""
        if status is DurableStatus.DONE:
            self.settle(status, result, None)
        elif status is DurableStatus.DEAD:
            self.settle(status, None, DeadLetter(self.task_id, self.name, error or ""))

    def revive(self, name: str, row: Sequence[Any]) -> None:
        """Take over what the journal knows (a row of `claim`) of a task that will run."""
        self.name = name
        self.arguments, self.attempts, priority, self.key, self.schedule, self.failure = row
        self.priority = TaskPriority(priority)

    def result(self) -> Any:
        """Return the result, or raise the error that ended it.

        Raises:
            RuntimeError: it has not ended.
        """
        if not self.done():
            raise RuntimeError(f"durable task {self.task_id} has not ended: await it")
        if self._error is not None:
            raise self._error
        return self._result

    def __await__(self) -> Generator[Any, None, Any]:
        if not self.done():
            waiter = asyncio.get_running_loop().create_future()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
            yield from waiter
        return self.result()

    def __repr__(self) -> str:
        return f"<DurableTask {self.task_id} {self.name!r} {self.status}>"


@dataclass(slots=True, eq=False)
class DurableFunction:
    """A registered function, and how far its tasks have been taken from the journal.

    Attributes:
        name: what the journal calls it.
        fn: the function.
        retries: further attempts after a failure.
        retry_on: the errors that are worth one.
        backoff: seconds of the longest wait after the first failure.
        longest_backoff: seconds of the longest wait of all.
        options: what the scheduler is told of every task.
        held: its tasks in memory.
        more: whether there may be others in the journal that are due.
        fetching: whether the journal is being asked for them.
        due_at: when the first of its later tasks is due, in seconds since the epoch.
        blocked_until: the loop's time before which its lane takes no more.
    """

    name: str
    fn: Callable[..., Any]
    retries: int
    retry_on: tuple[type[BaseException], ...]
    backoff: float
    longest_backoff: float
    options: TaskOptions
    held: int = field(default=0, init=False)
    more: bool = field(default=True, init=False)
    fetching: bool = field(default=False, init=False)
    due_at: float = field(default=math.inf, init=False)
    blocked_until: float = field(default=0.0, init=False)

    def wants(self, now: float) -> bool:
        """Whether the journal may have a task that should run."""
        return self.more or self.due_at <= now

    def worth_another(self, attempts: int, error: BaseException) -> bool:
        """Whether a task that has failed that many times should run again."""
        return attempts <= self.retries and isinstance(error, self.retry_on)

    def wait(self, attempts: int) -> float:
        """Return the seconds to wait before another attempt."""
        return full_jitter(attempts, self.backoff, self.longest_backoff)


def marked(fn: Callable[..., Any], running: Marks) -> Callable[..., Any]:
    """Return a function that runs a task by `fn`, and marks it as running meanwhile.

    It takes what the lane lends (a model), then the task. The arguments come from their JSON each
    time, so that the first attempt gets what one after a restart would.
    """
    if is_coroutine_function(fn):

        @functools.wraps(fn)
        async def attempt(*given: Any) -> Any:
            *lent, task = given
            place = running.enter(task.task_id)
            try:
                this_task.set(task)
                return await fn(*lent, **json.loads(task.arguments))
            finally:
                running.leave(place)

        return attempt

    @functools.wraps(fn)
    def attempt_on_thread(*given: Any) -> Any:
        *lent, task = given
        place = running.enter(task.task_id)
        try:
            this_task.set(task)
            return fn(*lent, **json.loads(task.arguments))
        finally:
            running.leave(place)

    return attempt_on_thread
