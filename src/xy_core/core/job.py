"""A task in flight, and the handle by which its owner holds it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from xy_core.core.cancellation import CancelToken
from xy_core.core.errors import TaskCancelled
from xy_core.core.task import TaskInfo, TaskStatus

if TYPE_CHECKING:
    from xy_core.core.lane import Lane

T = TypeVar("T")
_NO_KWARGS: Mapping[str, Any] = MappingProxyType({})


class Job:
    """What a lane needs to run one task; everybody else sees its `TaskHandle`.

    A job is *settled* once its outcome is known, and *released* once the work has really ended
    and its slot is free again. Cancelling a thread settles at once and releases later.
    """

    # Slots, all filled at once: creating a job and reading what it does not use are on the path of
    # every task, and a default that lives in the class is slow to read.
    __slots__ = (
        "args",
        "arrival",
        "context",
        "deadline",
        "entered",
        "error",
        "expiry",
        "fn",
        "info",
        "key",
        "kwargs",
        "lane",
        "on_settled",
        "preemptible",
        "preempting",
        "queued",
        "releasers",
        "result",
        "retries",
        "retry_on",
        "running",
        "sequence",
        "settled",
        "started",
        "submitted",
        "timeout",
        "timer",
        "token",
        "waiters",
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
        self.result: Any = None
        self.error: BaseException | None = None
        self.on_settled: Callable[[], None] | None = None
        self.waiters: list[asyncio.Future[None]] | None = None
        self.releasers: list[asyncio.Future[None]] | None = None

    def settle(self, status: TaskStatus, result: object, error: BaseException | None) -> None:
        """Fix the outcome and wake everybody who awaits it."""
        self.settled = True
        self.result = result
        self.error = error
        self.info.status = status
        if error is not None:
            self.info.error = str(error) or type(error).__name__
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None
        if self.waiters is not None:
            _wake(self.waiters)
            self.waiters = None
        if self.on_settled is not None:
            self.on_settled()

    def release(self) -> None:
        """Note that the work has ended, and drop what it held."""
        self.running = None
        self.token = None
        self.args = ()
        self.kwargs = _NO_KWARGS
        if self.releasers is not None:
            _wake(self.releasers)
            self.releasers = None

    @property
    def released(self) -> bool:
        """Whether nothing of the work runs or can run any more."""
        return self.settled and self.running is None


Ended = Callable[[Job, Any, BaseException | None], None]
"""Told once, on the loop, when a job's work has really ended: its result or its error."""


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


class TaskHandle(Generic[T]):
    """Holds one submitted task: await it for its result, or cancel it.

    Awaiting a handle raises what the task raised, `TaskCancelled` or `TaskTimeout`. Giving up the
    wait (because the awaiting coroutine is cancelled) leaves the task running; use
    `GlobalTaskScheduler.run` for work that belongs to its caller.
    """

    __slots__ = ("_job",)

    def __init__(self, job: Job) -> None:
        self._job = job

    @property
    def info(self) -> TaskInfo:
        """The task's record."""
        return self._job.info

    @property
    def task_id(self) -> str:
        """The task's id."""
        return self._job.info.task_id

    def done(self) -> bool:
        """Whether the outcome is known."""
        return self._job.settled

    def cancel(self, reason: str = "cancelled by its owner") -> bool:
        """Cancel the task; False if it had already ended.

        The handle resolves at once. A coroutine is cancelled, a thread is asked through its
        `checkpoint`; the slot stays taken until the work has really ended.
        """
        return self._job.lane.cancel(self._job, TaskCancelled(reason))

    def result(self) -> T:
        """Return the result of an ended task, or raise its error.

        Raises:
            RuntimeError: the task has not ended.
        """
        if not self._job.settled:
            raise RuntimeError(f"task {self.task_id} has not ended: await its handle")
        if self._job.error is not None:
            raise self._job.error
        result: T = self._job.result
        return result

    async def released(self) -> None:
        """Wait until the work has really ended and its slot is free."""
        job = self._job
        if not job.released:
            waiter = asyncio.get_running_loop().create_future()
            if job.releasers is None:
                job.releasers = []
            job.releasers.append(waiter)
            await waiter

    def __await__(self) -> Generator[Any, None, T]:
        job = self._job
        if not job.settled:
            waiter = asyncio.get_running_loop().create_future()
            if job.waiters is None:
                job.waiters = []
            job.waiters.append(waiter)
            yield from waiter
        return self.result()

    def __repr__(self) -> str:
        info = self._job.info
        return f"<TaskHandle {info.task_id} {info.name!r} {info.status.value}>"
