"""How much room there is on the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from xy_core.core.errors import ConfigError, DiskSpaceError

_MEGABYTE = 1_000_000


def free_bytes(path: Path) -> int:
    """Return the free bytes on the disk of a path, which need not exist yet.

    ``XY_FREE_BYTES`` in the environment states another number, to rehearse a full disk.

    Raises:
        ConfigError: it is not a number.
    """
    simulated = os.environ.get("XY_FREE_BYTES")
    if simulated is not None:
        if not simulated.isdecimal():
            raise ConfigError(f"XY_FREE_BYTES={simulated!r}: write a number of bytes")
        return int(simulated)
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def require_space(path: Path, needed: int, what: str) -> None:
    """Check the room before anything is written.

    Raises:
        DiskSpaceError: there is less than needed.
    """
    free = free_bytes(path)
    if free < needed:
        raise DiskSpaceError(
            f"{what} needs {needed / _MEGABYTE:,.0f} MB in {path}, where {free / _MEGABYTE:,.0f} "
            "MB are free: make room, or set models.root to another disk"
        )
