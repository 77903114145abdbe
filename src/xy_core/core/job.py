"""A task in flight: the handle by which its owner holds it, and what its lane knows of it."""

from __future__ import annotations

import asyncio
import contextvars
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import structlog

from xy_core.core.cancellation import CancelToken
from xy_core.core.errors import TaskCancelled
from xy_core.core.task import TaskInfo, TaskStatus

if TYPE_CHECKING:
    from xy_core.core.batching import Batching
    from xy_core.core.compute import ComputeLease
    from xy_core.core.lane import Lane
    from xy_core.core.resident import Admission

log = structlog.get_logger("scheduler")

T = TypeVar("T")
_NO_KWARGS: Mapping[str, Any] = MappingProxyType({})


class TaskHandle(ABC, Generic[T]):
    """Holds one submitted task: await it for its result, or cancel it.

    Awaiting a handle raises what the task raised, `TaskCancelled` or `TaskTimeout`. Giving up the
    wait (because the awaiting coroutine is cancelled) leaves the task running; use
    `GlobalTaskScheduler.run` for work that belongs to its caller.

    Attributes:
        info: the task's record.
    """

    __slots__ = ("info",)

    info: TaskInfo

    @property
    def task_id(self) -> str:
        """The task's id."""
        return self.info.task_id

    @abstractmethod
    def done(self) -> bool:
        """Whether the outcome is known."""

    @abstractmethod
    def cancel(self, reason: str = "cancelled by its owner") -> bool:
        """Cancel the task; False if it had already ended.

        The handle resolves at once. A coroutine is cancelled, a thread is asked through its
        `checkpoint`; the slot stays taken until the work has really ended.
        """

    @abstractmethod
    def result(self) -> T:
        """Return the result of an ended task, or raise its error.

        Raises:
            RuntimeError: the task has not ended.
        """

    @abstractmethod
    async def released(self) -> None:
        """Wait until the work has really ended and its slot is free."""

    @abstractmethod
    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the outcome: the result, or the error raised."""

    def __repr__(self) -> str:
        info = self.info
        return f"<TaskHandle {info.task_id} {info.name!r} {info.status.value}>"


class Job(TaskHandle[Any]):
    """What a lane needs to run one task; everybody else sees a `TaskHandle`.

    One object for both, since creating objects is most of what a small task costs.

    A job is *settled* once its outcome is known, and *released* once the work has really ended
    and its slot is free again. Cancelling a thread settles at once and releases later.
    """

    # Slots, all filled at once: creating a job and reading what it does not use are on the path of
    # every task, and a default that lives in the class is slow to read.
    __slots__ = (
        "_error",
        "_releasers",
        "_result",
        "_waiters",
        "account",
        "admission",
        "alone",
        "args",
        "arrival",
        "batching",
        "compute",
        "context",
        "deadline",
        "device",
        "entered",
        "expiry",
        "fn",
        "key",
        "kwargs",
        "lane",
        "lent",
        "memory",
        "model",
        "on_settled",
        "preemptible",
        "preempting",
        "queued",
        "retries",
        "retry_on",
        "running",
        "sequence",
        "setbacks",
        "settled",
        "since",
        "started",
        "submitted",
        "timeout",
        "timer",
        "token",
    )

    def __init__(
        self, info: TaskInfo, fn: Callable[..., Any], args: tuple[Any, ...], lane: Lane
    ) -> None:
        self.info = info
        self.fn = fn
        self.args = args
        self.kwargs: Mapping[str, Any] = _NO_KWARGS
        self.lane = lane
        self.context = contextvars.copy_context()
        self.key: str | None = None
        self.timeout: float | None = None
        self.deadline: float | None = None
        self.since: float | None = None
        self.device: str | None = None
        self.model: str | None = None
        self.memory = 0
        self.batching: Batching | None = None
        self.alone = False
        self.setbacks = 0
        self.admission: Admission | None = None
        self.compute: ComputeLease | None = None
        self.lent: tuple[Any, ...] = ()
        self.retries = 0
        self.retry_on: tuple[type[BaseException], ...] = ()
        self.preemptible = False
        self.submitted = self.arrival = self.started = 0.0
        self.sequence = 0
        self.queued = self.entered = self.preempting = self.settled = False
        self.running: Any = None
        self.token: CancelToken | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.expiry: asyncio.TimerHandle | None = None
        self._result: Any = None
        self._error: BaseException | None = None
        self.account: Callable[[TaskInfo], None] | None = None
        self.on_settled: Callable[[], None] | None = None
        self._waiters: list[asyncio.Future[None]] | None = None
        self._releasers: list[asyncio.Future[None]] | None = None

    def settle(self, status: TaskStatus, result: object, error: BaseException | None) -> None:
        """Fix the outcome and wake everybody who awaits it."""
        self.settled = True
        self._result = result
        self._error = error
        self.info.status = status
        if error is not None:
            self.info.error = str(error) or type(error).__name__
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None
        if self._waiters is not None:
            _wake(self._waiters)
            self._waiters = None
        if self.account is not None:
            self.account(self.info)
        if self.on_settled is not None:
            try:
                self.on_settled()
            except (Exception, asyncio.CancelledError):
                log.exception("a task's callback failed", task=self.task_id)

    def release(self) -> None:
        """Note that the work has ended, and drop what it held."""
        self.running = None
        self.token = None
        self.compute = None
        self.lent = ()
        self.args = ()
        self.kwargs = _NO_KWARGS
        if self._releasers is not None:
            _wake(self._releasers)
            self._releasers = None

    def done(self) -> bool:
        """See `TaskHandle`."""
        return self.settled

    def cancel(self, reason: str = "cancelled by its owner") -> bool:
        """See `TaskHandle`."""
        return self.lane.cancel(self, TaskCancelled(reason))

    def result(self) -> Any:
        """See `TaskHandle`."""
        if not self.settled:
            raise RuntimeError(f"task {self.task_id} has not ended: await its handle")
        if self._error is not None:
            raise self._error
        return self._result

    async def released(self) -> None:
        """See `TaskHandle`."""
        if not self.settled or self.running is not None:
            waiter = asyncio.get_running_loop().create_future()
            if self._releasers is None:
                self._releasers = []
            self._releasers.append(waiter)
            await waiter

    def __await__(self) -> Generator[Any, None, Any]:
        if not self.settled:
            waiter = asyncio.get_running_loop().create_future()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
            yield from waiter
        return self.result()


Ended = Callable[[Job, Any, BaseException | None], None]
"""Told once, on the loop, when a job's work has really ended: its result or its error."""


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
