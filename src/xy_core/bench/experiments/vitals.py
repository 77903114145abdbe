"""What a long-running program holds."""

from __future__ import annotations

import asyncio
import gc
import threading
from array import array
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields

import psutil

from xy_core.bench.experiments.watch import resident_bytes

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look.

    Attributes:
        seconds: since the beginning.
        rss_mb: resident memory of the program itself, in MiB.
        all_mb: with all its processes.
        files: open files.
        threads: of the interpreter.
        tasks: of the event loop.
        objects: that the garbage collector tracks, without those that were there once the modules
            had been loaded (see `settled_objects`).
    """

    seconds: float
    rss_mb: float
    all_mb: float
    files: float
    threads: float
    tasks: float
    objects: float


class Series:
    """Looks in the order of time, as bare numbers: keeping them is no growth to speak of."""

    def __init__(self) -> None:
        self._columns = {field.name: array("d") for field in fields(Vitals)}

    def __len__(self) -> int:
        return len(self._columns["seconds"])

    def __iter__(self) -> Iterator[Vitals]:
        rows = zip(*self._columns.values(), strict=True)
        return (Vitals(*row) for row in rows)

    def append(self, look: Vitals) -> None:
        """Add the newest."""
        for column, value in zip(self._columns.values(), astuple(look), strict=True):
            column.append(value)

    def column(self, name: str) -> array[float]:
        """Return one attribute of all looks."""
        return self._columns[name]

    @property
    def seconds(self) -> float:
        """When the last look was; 0 before the first."""
        column = self._columns["seconds"]
        return column[-1] if column else 0.0


def look(seconds: float) -> Vitals:
    """Return what the program holds now; belongs to the event loop's thread.

    Collects garbage first: what only waits for the collector is not held.
    """
    gc.collect()
    process = psutil.Process()
    return Vitals(
        round(seconds, 1),
        round(process.memory_info().rss / _MIB, 2),
        round(resident_bytes() / _MIB, 1),
        process.num_fds() if hasattr(process, "num_fds") else len(process.open_files()),
        threading.active_count(),
        len(asyncio.all_tasks()),
        len(gc.get_objects()),
    )
