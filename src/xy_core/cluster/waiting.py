"""Tasks that no device has room for yet, so that what is freed goes to the one it fits best."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from sortedcontainers import SortedList

T = TypeVar("T")


class WaitingRoom(Generic[T]):
    """Holds tasks in order, and finds the largest one that fits among the first of them.

    A task at the head that was overtaken too often lets nobody past any more, so that large
    tasks do not wait for ever.
    """

    def __init__(self, window: int = 1_000, patience: int = 10_000) -> None:
        """Make an empty room.

        Args:
            window: how many tasks, from the head, may overtake those before them.
            patience: how often the head may be overtaken.
        """
        self._window = window
        self._patience = patience
        self._overtaken = 0
        self._number = 0
        self._later: deque[tuple[int, int, T]] = deque()
        self._near: SortedList[tuple[int, int]] = SortedList()
        self._tasks: dict[int, T] = {}
        self._sizes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._tasks) + len(self._later)

    def add(self, size: int, task: T) -> None:
        """Put a task at the end.

        Args:
            size: bytes that it needs.
            task: the task.
        """
        self._later.append((size, self._number, task))
        self._number += 1
        self._fill()

    def take(self, room: int) -> T | None:
        """Remove and return the largest task that fits into that many bytes, or None."""
        if not self._tasks:
            return None
        head = next(iter(self._tasks))
        if self._sizes[head] <= room and self._overtaken >= self._patience:
            return self._pick(head)
        at = self._near.bisect_right((room, self._number)) - 1
        if at < 0 or self._overtaken >= self._patience:
            return None
        return self._pick(self._near[at][1])

    def _pick(self, number: int) -> T:
        self._overtaken = 0 if number == next(iter(self._tasks)) else self._overtaken + 1
        self._near.remove((self._sizes.pop(number), number))
        task = self._tasks.pop(number)
        self._fill()
        return task

    def _fill(self) -> None:
        while self._later and len(self._tasks) < self._window:
            size, number, task = self._later.popleft()
            self._near.add((size, number))
            self._sizes[number] = size
            self._tasks[number] = task
