"""Keeps the memory of a program that runs for weeks from spreading over many malloc arenas."""

from __future__ import annotations

import ctypes
import os

_M_ARENA_MAX = -8
"""glibc's ``malloc.h``."""
_ARENAS = 2


def limit_arenas() -> None:
    """Let the threads of this process share two of glibc's malloc arenas.

    glibc gives new threads arenas of their own, up to eight for each core, and what one thread has
    freed is of no use to another: a program with many threads that mostly wait grows by the most
    that each has ever needed. See ``M_ARENA_MAX`` in mallopt(3). What the user has set by
    ``MALLOC_ARENA_MAX`` or ``GLIBC_TUNABLES`` stays; on other C libraries this does nothing.
    """
    if "MALLOC_ARENA_MAX" in os.environ or "arena_max" in os.environ.get("GLIBC_TUNABLES", ""):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.gnu_get_libc_version  # noqa: B018 - only glibc has it
    except (OSError, AttributeError):
        return
    libc.mallopt(_M_ARENA_MAX, _ARENAS)
