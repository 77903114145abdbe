"""Concurrency keys: a fair place in the queue for each, and a bound on what runs of it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Protocol

from xy_core.core.job import Job

Entry = tuple[float, float, int, Job]
"""Deadline, arrival, sequence, job: the order within one rank."""


class ParkedFor(Protocol):
    """A queue that gets its parked jobs back."""

    def take_back(self, rank: float, job: Job) -> None:
        """Let a job wait in the queue again, at its old place."""

    def forget_stale(self, entries: int) -> None:
        """Note that so many entries of discarded jobs are gone."""


_Parked = tuple[float, int, Entry, ParkedFor]


@dataclass(slots=True)
class _Key:
    """What is known of one key while any of its jobs waits or runs."""

    running: int = 0
    waiting: int = 0
    arrival: float = 0.0
    parked: list[_Parked] = field(default_factory=list)


class KeyTable:
    """The keys of one lane, shared by all its queues.

    Tasks that share a key arrive, for the ranking, at least `fairness` seconds after one another
    (virtual arrival, as in weighted fair queueing, Demers et al. 1989): a key that floods the
    queue delays itself, not others. Jobs over the limit of their key are parked here, and come
    back to their own rank.
    """

    __slots__ = ("_fairness", "_keys", "_limits", "_parkings")

    def __init__(self, fairness: float) -> None:
        self._fairness = fairness
        self._keys: dict[str, _Key] = {}
        self._limits: dict[str, int] = {}
        self._parkings = 0

    def __len__(self) -> int:
        return len(self._keys)

    def limit(self, key: str, running: int | None) -> None:
        """Let at most that many tasks of a key run at a time; None lifts the limit."""
        if running is None:
            self._limits.pop(key, None)
        else:
            self._limits[key] = running
        self._unpark(key)

    def arrive(self, key: str, now: float) -> float:
        """Count one more job that waits, and return its virtual arrival."""
        state = self._keys.get(key)
        if state is None:
            state = self._keys[key] = _Key()
        if state.waiting:
            now = max(now, state.arrival + self._fairness)
        state.arrival = now
        state.waiting += 1
        return now

    def arrive_again(self, key: str) -> None:
        """Count a job that waits once more."""
        self._keys.setdefault(key, _Key()).waiting += 1

    def leave(self, key: str) -> None:
        """Note that a waiting job was discarded."""
        self._keys[key].waiting -= 1
        self._forget_if_idle(key)

    def may_run(self, key: str) -> bool:
        """Whether one more of the key may run."""
        limit = self._limits.get(key)
        return limit is None or self._keys[key].running < limit

    def start(self, key: str) -> None:
        """Note that a waiting job runs from now on."""
        state = self._keys[key]
        state.running += 1
        state.waiting -= 1

    def release(self, key: str) -> None:
        """Note that a job of that key no longer runs."""
        self._keys[key].running -= 1
        self._unpark(key)
        self._forget_if_idle(key)

    def park(self, key: str, rank: float, entry: Entry, queue: ParkedFor) -> None:
        """Keep a job until its key has a place for it."""
        self._parkings += 1  # ties of different queues must not be decided by comparing jobs
        heapq.heappush(self._keys[key].parked, (rank, self._parkings, entry, queue))

    def parked(self, queue: ParkedFor) -> list[Job]:
        """Return the waiting jobs of a queue that are parked."""
        return [
            entry[-1]
            for state in self._keys.values()
            for _, _, entry, owner in state.parked
            if owner is queue and entry[-1].queued
        ]

    def compact(self, queue: ParkedFor) -> None:
        """Forget the discarded jobs of a queue."""
        for state in self._keys.values():
            state.parked = [p for p in state.parked if p[3] is not queue or p[2][-1].queued]
            heapq.heapify(state.parked)

    def _unpark(self, key: str) -> None:
        state = self._keys.get(key)
        if state is None:
            return
        limit = self._limits.get(key)
        places = len(state.parked) if limit is None else limit - state.running
        while state.parked and places > 0:
            rank, _, (*_, job), queue = heapq.heappop(state.parked)
            queue.take_back(rank, job)
            places -= job.queued

    def _forget_if_idle(self, key: str) -> None:
        state = self._keys[key]
        if not state.running and not state.waiting:
            # Entries of discarded jobs may still be parked; they go with their key.
            for _, _, _, queue in state.parked:
                queue.forget_stale(1)
            del self._keys[key]
