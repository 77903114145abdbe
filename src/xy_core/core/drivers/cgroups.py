"""The memory limit of the container, or other control group, that this process runs in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """What a control group may use and does use, in bytes.

    Attributes:
        limit: what may be used; beyond it the kernel ends processes.
        used: what is used and could not be given back at once.
    """

    limit: int
    used: int


def group_memory(root: Path = Path("/")) -> GroupMemory | None:
    """Return the tightest limit that holds for this process; None if there is none.

    Reads version 2 of control groups and version 1. Page cache that was not used lately does not
    count as used, as in Kubernetes' working set. (Files: Linux, admin-guide/cgroup-v2.rst and
    cgroup-v1/memory.rst.)

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    found = [memory for folder in _folders(root) if (memory := _read(folder)) is not None]
    return min(found, key=lambda memory: memory.limit - memory.used, default=None)


def _folders(root: Path) -> Iterator[Path]:
    """Yield the group's folder and those above it, which limit it too."""
    mount = root / "sys" / "fs" / "cgroup"
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        top = mount / "memory" if controllers else mount
        # In a container the path may be the host's, which is not to be seen here.
        parts = [part for part in name.split("/") if part not in {"", ".", ".."}]
        for length in range(len(parts), -1, -1):
            yield top.joinpath(*parts[:length])


def _read(folder: Path) -> GroupMemory | None:
    limit = _number(folder, "memory.max", "memory.limit_in_bytes")
    used = _number(folder, "memory.current", "memory.usage_in_bytes")
    if limit is None or used is None:
        return None
    return GroupMemory(limit, max(0, used - _idle_cache(folder)))


def _number(folder: Path, *names: str) -> int | None:
    """Read the first file that holds a number; None if none does, as where it says ``max``."""
    for name in names:
        try:
            return int((folder / name).read_text("ascii"))
        except (OSError, ValueError):
            continue
    return None


def _idle_cache(folder: Path) -> int:
    try:
        lines = (folder / "memory.stat").read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0
    values = dict(line.split(maxsplit=1) for line in lines if " " in line)
    text = values.get("total_inactive_file", values.get("inactive_file", "0"))
    return int(text) if text.isdecimal() else 0
