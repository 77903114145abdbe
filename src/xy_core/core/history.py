"""The tasks of a scheduler that are under way, and those that ended not long ago."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from xy_core.core.job import Job
from xy_core.core.task import TaskInfo


class TaskHistory:
    """Finds tasks by their ids; what ended is kept a bounded time and number.

    Attributes:
        active: tasks whose outcome is not known, by id.
        results: ids of the tasks whose results are kept with their records.
    """

    __slots__ = ("_ended", "_order", "_seconds", "_size", "active", "results")

    def __init__(self, size: int, seconds: float) -> None:
        self.active: dict[str, Job] = {}
        self.results: set[str] = set()
        # In the order in which they ended: an OrderedDict would take twice the memory.
        self._order: deque[str] = deque()
        self._ended: dict[str, Job | TaskInfo] = {}
        self._size = size
        self._seconds = seconds

    def settled(self, job: Job) -> None:
        """Note that a task's outcome is known."""
        task_id = job.info.task_id
        self.active.pop(task_id, None)
        ended = self._ended
        if self.results and task_id in self.results:
            self.results.discard(task_id)
            ended[task_id] = job
        else:
            ended[task_id] = job.info
        self._order.append(task_id)
        if len(ended) > self._size:
            del ended[self._order.popleft()]

    def job(self, task_id: str) -> Job | None:
        """Return a task that is active, or whose result is kept."""
        found = self.active.get(task_id) or self._remembered().get(task_id)
        return found if isinstance(found, Job) else None

    def record(self, task_id: str) -> TaskInfo | None:
        """Return a task's record, if it is active or still remembered."""
        found = self.active.get(task_id) or self._remembered().get(task_id)
        return None if found is None else _info(found)

    def records(self) -> Iterator[TaskInfo]:
        """Iterate over the records of active and remembered tasks."""
        yield from [job.info for job in self.active.values()]
        yield from [_info(entry) for entry in self._remembered().values()]

    def _remembered(self) -> dict[str, Job | TaskInfo]:
        """The ended tasks, without those that ended too long ago."""
        ended, order = self._ended, self._order
        oldest = time.time() - self._seconds
        while order and (_info(ended[order[0]]).ended_at or 0.0) < oldest:
            del ended[order.popleft()]
        return ended


def _info(entry: Job | TaskInfo) -> TaskInfo:
    return entry.info if isinstance(entry, Job) else entry
