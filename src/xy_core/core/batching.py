"""Several waiting tasks of one model, computed in one run."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from xy_core.core.errors import DeviceLost, InvalidTaskError, TaskError
from xy_core.core.job import Job


@dataclass(frozen=True, slots=True)
class Batching:
    """Says that calls of one function may be computed together.

    The function takes a sequence of items and returns a sequence of as many results; a result
    that is an exception fails the task of its item only. Each task submits one item. If a whole
    batch fails, its tasks are run again one by one, so that only the guilty one fails.

    Attributes:
        max_size: tasks in one run.
        max_wait: seconds that the first of them waits for others while the batch is not full.
        key: tasks go together only if theirs are equal: a picture's size, say.
    """

    max_size: int = 8
    max_wait: float = 0.0
    key: Hashable = None

    def __post_init__(self) -> None:
        if self.max_size < 1 or not self.max_wait >= 0:
            raise InvalidTaskError("a batch needs max_size >= 1 and max_wait >= 0 seconds")


class Batches:
    """The batches that run: which tasks are computed in which run."""

    def __init__(self) -> None:
        self._runs: dict[Job, Job] = {}
        self._members: dict[Job, list[Job]] = {}

    def __contains__(self, job: object) -> bool:
        return job in self._runs

    def begin(self, jobs: list[Job]) -> Job:
        """Return the job that computes those jobs' items in one call."""
        run = carrier(jobs)
        self._members[run] = jobs
        for job in jobs:
            job.running = self._runs[job] = run
        return run

    def leave(self, job: Job) -> list[Job]:
        """Note that a task's run has ended; returns the tasks that were computed in it."""
        members = self.members(job)
        self._runs.pop(job, None)
        return members

    def end(self, run: Job) -> None:
        """Forget a run that all its tasks have left."""
        del self._members[run]

    def of(self, run: Job) -> list[Job]:
        """Return the tasks of a run."""
        return self._members[run]

    def run_of(self, job: Job) -> Job:
        """Return the job that the executor runs for a task: itself, or its batch's."""
        return self._runs.get(job, job)

    def members(self, job: Job) -> list[Job]:
        """Return the tasks that are computed in one run with a task, itself included."""
        run = self._runs.get(job)
        return [job] if run is None else self._members[run]

    def unwanted(self, job: Job) -> bool:
        """Whether nobody waits any more for what a task's run computes."""
        return all(member.settled for member in self.members(job))


class BatchFailed(TaskError):  # noqa: N818 - not seen outside: its tasks are run again
    """A whole batch raised; its tasks are to be run one by one."""


Outcome = tuple[Any, BaseException | None]
"""A task's result, or its error."""


def carrier(jobs: Sequence[Job]) -> Job:
    """Return a job that computes those jobs' items in one call."""
    first = jobs[0]
    combined = Job(first.info, first.fn, ([job.args[0] for job in jobs],), first.lane)
    combined.lent = first.lent
    combined.context = first.context.copy()
    return combined


def split(count: int, result: Any, error: BaseException | None) -> list[Outcome]:
    """Return the outcome of each of `count` tasks of a batch that ended."""
    if error is None:
        error = _misfit(count, result)
    if error is None:
        return [(None, one) if isinstance(one, Exception) else (one, None) for one in result]
    if count > 1 and isinstance(error, Exception) and not isinstance(error, DeviceLost):
        failed = BatchFailed(str(error) or type(error).__name__)
        failed.__cause__ = error
        return [(None, failed)] * count
    return [(None, error)] * count


def _misfit(count: int, result: Any) -> InvalidTaskError | None:
    if isinstance(result, Sequence) and len(result) == count:
        return None
    found = len(result) if isinstance(result, Sequence) else type(result).__name__
    return InvalidTaskError(
        f"a batch of {count} items must return a sequence of {count} results, not {found}"
    )
