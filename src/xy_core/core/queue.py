"""Where the tasks of one lane wait, and in which order they leave."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

from xy_core.core.job import Job

_QUANTUM = 0.05
"""Seconds within which two arrivals count as simultaneous, so that deadlines decide."""
_COMPACT_AT = 64
"""Fewer discarded entries than this are not worth rebuilding the heap."""

_Entry = tuple[int, float, int, Job]


@dataclass(slots=True)
class _Key:
    """What the queue knows of one concurrency key while any of its jobs waits or runs."""

    running: int = 0
    waiting: int = 0
    arrival: float = 0.0
    parked: list[_Entry] = field(default_factory=list)


class ReadyQueue:
    """A priority queue with aging, deadlines, and fairness between keys.

    Every waiting task gains one priority step each `aging` seconds. Since all gain at the same
    rate, their order never changes while they wait, and the rank is a constant: the moment of
    arrival, minus ``priority * aging``. Ties go to the earlier deadline, then to the earlier
    arrival.

    Tasks that share a key arrive, for the ranking, at least `fairness` seconds after one another
    (virtual arrival, as in weighted fair queueing, Demers et al. 1989): a key that floods the
    queue delays itself, not others. A key also bounds how many of its tasks run at a time.

    All operations are O(log n).
    """

    __slots__ = (
        "_aging",
        "_fairness",
        "_heap",
        "_keys",
        "_limits",
        "_sequence",
        "_stale",
        "_waiting",
    )

    def __init__(self, *, aging: float, fairness: float) -> None:
        self._aging = aging
        self._fairness = fairness
        self._heap: list[_Entry] = []
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
        key = job.key
        if key is not None:
            state = self._keys.get(key)
            if state is None:
                state = self._keys[key] = _Key()
            if state.waiting:
                now = max(now, state.arrival + self._fairness)
            state.arrival = now
            state.waiting += 1
        job.arrival = now
        self._insert(job)

    def push_back(self, job: Job) -> None:
        """Add a job again that had left; it keeps its age."""
        if job.key is not None:
            self._keys.setdefault(job.key, _Key()).waiting += 1
        self._insert(job)

    def pop(self) -> Job | None:
        """Remove and return the first job that may run; None if there is none.

        The job counts as running for its key until `release`.
        """
        heap = self._heap
        while heap:
            entry = heapq.heappop(heap)
            job = entry[3]
            if not job.queued:
                self._stale -= 1
                continue
            key = job.key
            if key is not None:
                state = self._keys[key]
                limit = self._limits.get(key)
                if limit is not None and state.running >= limit:
                    heapq.heappush(state.parked, entry)
                    continue
                state.running += 1
                state.waiting -= 1
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
        parked = [entry for state in self._keys.values() for entry in state.parked]
        jobs = [entry[3] for entry in [*self._heap, *parked] if entry[3].queued]
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

    def _insert(self, job: Job) -> None:
        job.queued = True
        self._waiting += 1
        self._sequence += 1
        rank = math.floor((job.arrival - job.info.priority * self._aging) / _QUANTUM)
        deadline = math.inf if job.deadline is None else job.deadline
        heapq.heappush(self._heap, (rank, deadline, self._sequence, job))

    def _unpark(self, key: str) -> None:
        state = self._keys.get(key)
        if state is None:
            return
        limit = self._limits.get(key)
        places = len(state.parked) if limit is None else limit - state.running
        while state.parked and places > 0:
            entry = heapq.heappop(state.parked)
            heapq.heappush(self._heap, entry)
            places -= entry[3].queued

    def _forget_if_idle(self, key: str) -> None:
        state = self._keys[key]
        if not state.running and not state.waiting:
            # Entries of discarded jobs may still be parked; they go with their key.
            self._stale -= len(state.parked)
            del self._keys[key]

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if entry[3].queued]
        heapq.heapify(self._heap)
        for state in self._keys.values():
            state.parked = [entry for entry in state.parked if entry[3].queued]
            heapq.heapify(state.parked)
        self._stale = 0
