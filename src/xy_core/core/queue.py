"""Where the tasks of one lane wait, and in which order they leave."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field

from xy_core.core.job import Job
from xy_core.core.task import TaskPriority

_QUANTUM = 0.05
"""Seconds within which two arrivals count as simultaneous, so that deadlines decide."""
_COMPACT_AT = 64
"""Fewer discarded tasks than this are not worth tidying up."""

_Entry = tuple[float, int, Job]
"""Deadline, sequence, job: the order within one rank."""


class _Bucket:
    """The waiting tasks of one rank.

    Nearly all have no deadline and arrive in order, so they stand in a plain line; the others are
    in a heap beside it.
    """

    __slots__ = ("line", "sorted")

    def __init__(self) -> None:
        self.line: deque[Job] = deque()
        self.sorted: list[_Entry] = []

    def add(self, job: Job, sequence: int) -> None:
        """Add a job that has just arrived in this rank."""
        job.sequence = sequence
        if job.deadline is None:
            self.line.append(job)
        else:
            heapq.heappush(self.sorted, (job.deadline, sequence, job))

    def add_again(self, job: Job) -> None:
        """Add a job that was here before, at its old place."""
        deadline = math.inf if job.deadline is None else job.deadline
        heapq.heappush(self.sorted, (deadline, job.sequence, job))

    def take(self) -> Job | None:
        """Remove and return the first job."""
        line = self.line
        if not self.sorted:
            return line.popleft() if line else None
        deadline, sequence, _ = self.sorted[0]
        if line and deadline == math.inf and line[0].sequence < sequence:
            return line.popleft()
        return heapq.heappop(self.sorted)[2]

    def jobs(self) -> list[Job]:
        """Return all jobs that still wait, in no order."""
        return [job for job in (*self.line, *(entry[2] for entry in self.sorted)) if job.queued]

    def compact(self) -> None:
        """Forget jobs that were discarded."""
        self.line = deque(job for job in self.line if job.queued)
        self.sorted = [entry for entry in self.sorted if entry[2].queued]
        heapq.heapify(self.sorted)


@dataclass(slots=True)
class _Key:
    """What the queue knows of one concurrency key while any of its jobs waits or runs."""

    running: int = 0
    waiting: int = 0
    arrival: float = 0.0
    parked: list[tuple[float, _Entry]] = field(default_factory=list)


class ReadyQueue:
    """A priority queue with aging, deadlines, and fairness between keys.

    Every waiting task gains one priority step each `aging` seconds. Since all gain at the same
    rate, their order never changes while they wait, and the rank is a constant: the moment of
    arrival, minus ``priority * aging``. Ties go to the earlier deadline, then to the earlier
    arrival.

    Tasks that share a key arrive, for the ranking, at least `fairness` seconds after one another
    (virtual arrival, as in weighted fair queueing, Demers et al. 1989): a key that floods the
    queue delays itself, not others. A key also bounds how many of its tasks run at a time.

    Ranks are counted in steps of 50 ms, and a heap holds only the ranks that are taken: however
    many tasks wait, most operations are O(1), and none is worse than O(log n).
    """

    __slots__ = (
        "_buckets",
        "_fairness",
        "_gain",
        "_keys",
        "_limits",
        "_ranks",
        "_sequence",
        "_stale",
        "_waiting",
    )

    def __init__(self, *, aging: float, fairness: float) -> None:
        self._gain = [step * aging for step in range(max(TaskPriority) + 1)]
        self._fairness = fairness
        self._buckets: dict[float, _Bucket] = {}
        self._ranks: list[float] = []
        self._keys: dict[str, _Key] = {}
        self._limits: dict[str, int] = {}
        self._sequence = 0
        self._stale = 0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def limit(self, key: str, running: int | None) -> None:
        """Let at most that many tasks of a key run at a time; None lifts the limit."""
        if running is None:
            self._limits.pop(key, None)
        else:
            self._limits[key] = running
        self._unpark(key)

    def push(self, job: Job, now: float) -> None:
        """Add a job; `now` is the loop's clock, in seconds."""
        job.arrival = now if job.key is None else self._virtual_arrival(job.key, now)
        self._add(job)

    def push_back(self, job: Job) -> None:
        """Add a job again that had left; it keeps its age."""
        if job.key is not None:
            self._keys.setdefault(job.key, _Key()).waiting += 1
        self._add(job)

    def pop(self) -> Job | None:
        """Remove and return the first job that may run; None if there is none.

        The job counts as running for its key until `release`.
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
            elif job.key is None or self._admit(job, job.key, rank):
                job.queued = False
                self._waiting -= 1
                return job
        return None

    def discard(self, job: Job) -> None:
        """Remove a waiting job."""
        if not job.queued:
            return
        job.queued = False
        self._waiting -= 1
        self._stale += 1
        if job.key is not None:
            self._keys[job.key].waiting -= 1
            self._forget_if_idle(job.key)
        if self._stale > _COMPACT_AT and self._stale > self._waiting:
            self._compact()

    def clear(self) -> list[Job]:
        """Remove and return all waiting jobs."""
        jobs = [job for bucket in self._buckets.values() for job in bucket.jobs()]
        for state in self._keys.values():
            jobs += [entry[2] for _, entry in state.parked if entry[2].queued]
        for job in jobs:
            self.discard(job)
        return jobs

    def release(self, key: str | None) -> None:
        """Note that a job of that key no longer runs."""
        if key is None:
            return
        self._keys[key].running -= 1
        self._unpark(key)
        self._forget_if_idle(key)

    def _add(self, job: Job) -> None:
        job.queued = True
        self._waiting += 1
        self._sequence += 1
        rank = (job.arrival - self._gain[job.info.priority]) // _QUANTUM
        bucket = self._buckets.get(rank)
        if bucket is None:
            bucket = self._open(rank)
        bucket.add(job, self._sequence)

    def _open(self, rank: float) -> _Bucket:
        bucket = self._buckets[rank] = _Bucket()
        heapq.heappush(self._ranks, rank)
        return bucket

    def _virtual_arrival(self, key: str, now: float) -> float:
        state = self._keys.get(key)
        if state is None:
            state = self._keys[key] = _Key()
        if state.waiting:
            now = max(now, state.arrival + self._fairness)
        state.arrival = now
        state.waiting += 1
        return now

    def _admit(self, job: Job, key: str, rank: float) -> bool:
        """Count a job as running for its key, or park it if the key is at its limit."""
        state = self._keys[key]
        limit = self._limits.get(key)
        if limit is not None and state.running >= limit:
            deadline = math.inf if job.deadline is None else job.deadline
            heapq.heappush(state.parked, (rank, (deadline, job.sequence, job)))
            return False
        state.running += 1
        state.waiting -= 1
        return True

    def _unpark(self, key: str) -> None:
        state = self._keys.get(key)
        if state is None:
            return
        limit = self._limits.get(key)
        places = len(state.parked) if limit is None else limit - state.running
        while state.parked and places > 0:
            rank, (_, _, job) = heapq.heappop(state.parked)
            bucket = self._buckets.get(rank) or self._open(rank)
            bucket.add_again(job)
            places -= job.queued

    def _forget_if_idle(self, key: str) -> None:
        state = self._keys[key]
        if not state.running and not state.waiting:
            # Entries of discarded jobs may still be parked; they go with their key.
            self._stale -= len(state.parked)
            del self._keys[key]

    def _compact(self) -> None:
        for bucket in self._buckets.values():
            bucket.compact()
        for state in self._keys.values():
            state.parked = [parked for parked in state.parked if parked[1][2].queued]
            heapq.heapify(state.parked)
        self._stale = 0
