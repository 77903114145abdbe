"""Which durable tasks run now, written where it outlives the process."""

from __future__ import annotations

import mmap
from pathlib import Path

_PLACES = 4_096
"""Tasks that may be marked at a time: more than the lanes have slots."""
_WIDTH = 8


class InFlight:
    """A page of task numbers in a file that is mapped into memory.

    Marking a task costs one store to memory, and no write call that a crash could come before:
    the kernel keeps the page when the process is killed, whatever killed it. A power cut may lose
    it, but no task crashes the machine. All methods but `open` may be called from any thread.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, and create it if it is not there.

        Raises:
            OSError: it cannot be.
        """
        size = _PLACES * _WIDTH
        path.touch(mode=0o600)
        with path.open("r+b") as file:
            kept = file.read(size)
            # Really written, not left as a hole: storing to a hole on a full disk is fatal.
            file.write(bytes(size - len(kept)))
            file.flush()
            self._map = mmap.mmap(file.fileno(), size)
        self._page = memoryview(self._map).cast("q")
        self._free = list(range(_PLACES))

    def left(self) -> list[int]:
        """Return the numbers of the tasks that were running when the last process ended."""
        return sorted({number for number in self._page if number > 0})

    def clear(self) -> None:
        """Forget them."""
        for place in range(_PLACES):
            self._page[place] = 0

    def enter(self, number: int) -> int:
        """Mark a task as running; returns its place, or -1 if there is none left."""
        try:
            place = self._free.pop()
        except IndexError:
            return -1
        self._page[place] = number
        return place

    def leave(self, place: int) -> None:
        """Note that the task at that place runs no more."""
        if place >= 0:
            self._page[place] = 0
            self._free.append(place)

    def close(self) -> None:
        """Let the file go; threads that still run may go on marking, to no effect."""
        self._map.flush()


def in_flight_path(journal: Path) -> Path:
    """Return the place of the page that belongs to a journal."""
    return journal.with_name(journal.name + "-running")
