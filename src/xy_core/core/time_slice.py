"""Lets the loop's thread have the processor soon after it wakes up, also where models compute."""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

SHORT = 100_000
"""Nanoseconds; the shortest that Linux takes."""
_ATTRIBUTES = "=IIQiIQQQ"
"""``struct sched_attr`` in its first version, see sched_setattr(2)."""
_SIZE = struct.calcsize(_ATTRIBUTES)
_CALLS = {"x86_64": (314, 315), "aarch64": (274, 275), "riscv64": (274, 275)}
"""Numbers of ``sched_setattr`` and ``sched_getattr``, which most C libraries do not wrap."""
_FAIR = (0, 3)
"""``SCHED_OTHER`` and ``SCHED_BATCH``; a real-time thread has no slice of this sort."""
_RESET_ON_FORK = 1


class _Attributes(NamedTuple):
    size: int
    policy: int
    flags: int
    nice: int
    priority: int
    runtime: int
    deadline: int
    period: int


@contextmanager
def short_slice() -> Iterator[None]:
    """Ask for a short time slice for the calling thread, for the time of the block.

    Linux (6.12 and later) lets a thread of a shorter slice interrupt one of a longer slice when it
    wakes up; the processor time that it gets in the long run is the same. Without it a loop whose
    processors all compute waits for the end of another thread's slice, some milliseconds each
    time. It needs no privilege. Threads and processes that are begun in the block do not inherit
    it: the mark for that (``SCHED_RESET_ON_FORK``) stays, since only the privileged may take it
    away. Elsewhere, and where the system refuses, this does nothing.
    """
    before = _read()
    if before is None or before.policy not in _FAIR:
        yield
        return
    _write(before._replace(runtime=SHORT, flags=before.flags | _RESET_ON_FORK))
    try:
        yield
    finally:
        _write(before._replace(flags=before.flags | _RESET_ON_FORK))


def slice_of_thread() -> int | None:
    """Return the calling thread's time slice in nanoseconds; None where it is not known."""
    found = _read()
    return found.runtime or None if found is not None and found.policy in _FAIR else None


def _read() -> _Attributes | None:
    buffer = ctypes.create_string_buffer(_SIZE)
    if not _call(1, buffer, _SIZE):
        return None
    return _Attributes(*struct.unpack(_ATTRIBUTES, buffer.raw))


def _write(attributes: _Attributes) -> None:
    _call(0, struct.pack(_ATTRIBUTES, *attributes))


def _call(which: int, *arguments: object) -> bool:
    """Make a system call for the calling thread; whether it succeeded."""
    numbers = _CALLS.get(platform.machine())
    if sys.platform != "linux" or numbers is None:
        return False
    result: int = ctypes.CDLL(None).syscall(numbers[which], 0, *arguments, 0)
    return result == 0
