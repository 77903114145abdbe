"""Where the tasks of one lane wait, and in which order they leave."""

from __future__ import annotations

import heapq
import math
from collections import deque

from xy_core.core.job import Job
from xy_core.core.keys import Entry, KeyTable
from xy_core.core.task import TaskPriority

RANK_STEP = 0.05
"""Seconds within which two arrivals count as simultaneous, so that deadlines decide."""
_COMPACT_AT = 64
"""Fewer discarded tasks than this are not worth tidying up."""


class _Bucket:
    """The waiting tasks of one rank.

    Nearly all have no deadline and arrive in order, so they stand in a plain line; the others,
    and those that are as old as a request, are in a heap beside it.
    """

    __slots__ = ("line", "sorted")

    def __init__(self) -> None:
        self.line: deque[Job] = deque()
        self.sorted: list[Entry] = []

    def add_sorted(self, job: Job) -> None:
        """Add a job that may go before some that are here already, at its place."""
        heapq.heappush(self.sorted, _entry(job))

    def take(self) -> Job | None:
        """Remove and return the first job."""
        line = self.line
        if not self.sorted:
            return line.popleft() if line else None
        if line and _entry(line[0]) < self.sorted[0]:
            return line.popleft()
        return heapq.heappop(self.sorted)[-1]

    def first(self) -> Job | None:
        """Return the first job and leave it."""
        line = self.line
        if not self.sorted:
            return line[0] if line else None
        if line and _entry(line[0]) < self.sorted[0]:
            return line[0]
        return self.sorted[0][-1]

    def jobs(self) -> list[Job]:
        """Return all jobs that still wait, in no order."""
        return [job for job in (*self.line, *(entry[-1] for entry in self.sorted)) if job.queued]

    def compact(self) -> None:
        """Forget jobs that were discarded."""
        self.line = deque(job for job in self.line if job.queued)
        self.sorted = [entry for entry in self.sorted if entry[-1].queued]
        heapq.heapify(self.sorted)


def _entry(job: Job) -> Entry:
    deadline = math.inf if job.deadline is None else job.deadline
    return deadline, job.arrival, job.sequence, job


class ReadyQueue:
    """A priority queue with aging, deadlines, and fairness between keys.

    Every waiting task gains one priority step each `aging` seconds. Since all gain at the same
    rate, their order never changes while they wait, and the rank is a constant: the moment of
    arrival, minus ``priority * aging``. Ties go to the earlier deadline, then to the earlier
    arrival. A key (see `KeyTable`) delays its own tasks and bounds how many of them run.

    Ranks are counted in steps of 50 ms, and a heap holds only the ranks that are taken: however
    many tasks wait, most operations are O(1), and none is worse than O(log n).
    """

    __slots__ = ("_buckets", "_gain", "_keys", "_ranks", "_sequence", "_stale", "_waiting")

    def __init__(self, *, aging: float, keys: KeyTable) -> None:
        self._gain = [step * aging for step in range(max(TaskPriority) + 1)]
        self._keys = keys
        self._buckets: dict[float, _Bucket] = {}
        self._ranks: list[float] = []
        self._sequence = 0
        self._stale = 0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def push(self, job: Job, now: float) -> None:
        """Add a job; `now` is the loop's clock, in seconds."""
        if job.since is not None:
            now = min(now, job.since)
        job.arrival = now if job.key is None else self._keys.arrive(job.key, now)
        self._add(job)

    def push_back(self, job: Job) -> None:
        """Add a job again that had left; it keeps its age."""
        if job.key is not None:
            self._keys.arrive_again(job.key)
        self._add(job)

    def pop(self) -> Job | None:
        """Remove and return the first job that may run; None if there is none.

        The job counts as running for its key until `KeyTable.release`.
        """
        ranks = self._ranks
        while ranks:
            rank = ranks[0]
            job = self._buckets[rank].take()
            if job is None:
                del self._buckets[rank]
                heapq.heappop(ranks)
            elif not job.queued:
                self._stale -= 1
            elif job.key is None or self._start_or_park(job, job.key, rank):
                job.queued = False
                self._waiting -= 1
                return job
        return None

    def head(self) -> tuple[float, Job] | None:
        """Return the first job that may run and its rank, and leave it there."""
        ranks = self._ranks
        while ranks:
            rank = ranks[0]
            bucket = self._buckets[rank]
            job = bucket.first()
            if job is None:
                del self._buckets[rank]
                heapq.heappop(ranks)
            elif not job.queued:
                bucket.take()
                self._stale -= 1
            elif job.key is None or self._keys.may_run(job.key):
                return rank, job
            else:
                bucket.take()
                self._park(job, job.key, rank)
        return None

    def discard(self, job: Job) -> None:
        """Remove a waiting job."""
        if not job.queued:
            return
        job.queued = False
        self._waiting -= 1
        self._stale += 1
        if job.key is not None:
            self._keys.leave(job.key)
        if self._stale > _COMPACT_AT and self._stale > self._waiting:
            self._compact()

    def clear(self) -> list[Job]:
        """Remove and return all waiting jobs."""
        jobs = [job for bucket in self._buckets.values() for job in bucket.jobs()]
        jobs += self._keys.parked(self)
        for job in jobs:
            self.discard(job)
        return jobs

    def take_back(self, rank: float, job: Job) -> None:
        """Let a parked job wait here again, at its old place."""
        bucket = self._buckets.get(rank) or self._open(rank)
        bucket.add_sorted(job)

    def forget_stale(self, entries: int) -> None:
        """Note that so many entries of discarded jobs are gone."""
        self._stale -= entries

    def _add(self, job: Job) -> None:
        job.queued = True
        self._waiting += 1
        self._sequence = job.sequence = self._sequence + 1
        rank = (job.arrival - self._gain[job.info.priority]) // RANK_STEP
        bucket = self._buckets.get(rank)
        if bucket is None:
            bucket = self._open(rank)
        if job.deadline is None and job.since is None:
            bucket.line.append(job)
        else:
            bucket.add_sorted(job)

    def _open(self, rank: float) -> _Bucket:
        bucket = self._buckets[rank] = _Bucket()
        heapq.heappush(self._ranks, rank)
        return bucket

    def _start_or_park(self, job: Job, key: str, rank: float) -> bool:
        if self._keys.may_run(key):
            self._keys.start(key)
            return True
        self._park(job, key, rank)
        return False

    def _park(self, job: Job, key: str, rank: float) -> None:
        self._keys.park(key, rank, _entry(job), self)

    def _compact(self) -> None:
        for bucket in self._buckets.values():
            bucket.compact()
        self._keys.compact(self)
        self._stale = 0
