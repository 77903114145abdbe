"""What each module costs: the tasks that it submits, and the memory that its loading took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from xy_core.core.job import Job, TaskHandle
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskInfo, TaskStatus


class ModuleUsage:
    """The account of one module; it goes on when the module is loaded again.

    Attributes:
        submitted: tasks so far.
        run_seconds: how long the last attempts of ended tasks ran, in seconds, added up.
        memory: bytes by which the process grew while the module was loaded; what others
            allocated meanwhile is in it.
    """

    def __init__(self) -> None:
        self.submitted = 0
        self.run_seconds = 0.0
        self.memory = 0
        self._ended: Counter[str] = Counter()
        self._active: set[TaskInfo] = set()

    def begin(self, job: Job) -> None:
        """Enter a task that was just submitted."""
        self.submitted += 1
        self._active.add(job.info)
        job.account = self._end

    def as_json(self) -> dict[str, Any]:
        """Return the account as plain JSON types: tasks by status, seconds and bytes."""
        active = Counter(info.status.value for info in self._active)
        statuses = {status.value: active[status.value] for status in TaskStatus if not status.final}
        ended = {status.value: self._ended[status.value] for status in TaskStatus if status.final}
        return {
            "submitted": self.submitted,
            "tasks": statuses | ended,
            "run_seconds": round(self.run_seconds, 6),
            "memory_bytes": self.memory,
        }

    def _end(self, info: TaskInfo) -> None:
        self._active.discard(info)
        self._ended[info.status.value] += 1
        if info.started_at is not None and info.ended_at is not None:
            self.run_seconds += info.ended_at - info.started_at


class ModuleScheduler(GlobalTaskScheduler):
    """The scheduler as one module sees it: the very same, with what it submits on its account."""

    __slots__ = ("_usage",)  # the one thing that it does not share

    def __init__(self, scheduler: GlobalTaskScheduler, usage: ModuleUsage) -> None:
        self.__dict__ = scheduler.__dict__
        self._usage = usage

    def submit(self, fn: Callable[..., Any], *args: Any, **options: Any) -> TaskHandle[Any]:
        """See `GlobalTaskScheduler.submit`."""
        handle = super().submit(fn, *args, **options)
        if isinstance(handle, Job):
            self._usage.begin(handle)
        return handle
