"""Backends and functions that the tests send to other nodes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.core.host_guests import Guest
from xy_core.cluster.connection import ray_library


class Visitor(Guest):
    """A guest that knows where it is."""

    def where(self) -> str:
        return ray_library().get_runtime_context().get_node_id()

    def wait_for(self, path: Path, before: int = 0) -> Iterator[str]:
        """Yield some items, and nothing more until the file is there; then where it ran."""
        yield from map(str, range(before))
        path.with_suffix(".began").touch()
        while not path.exists():
            time.sleep(0.02)
        yield self.where()

    def count_in_file(self, path: Path, upto: int) -> Iterator[int]:
        for number in range(upto):
            append(str(path), number)
            yield number

    def picture(self, array: np.ndarray) -> tuple[bool, float]:
        """Say whether the array lies in memory of its own, and its sum."""
        return array.flags.owndata, float(array.sum())


def append(path: str, number: int) -> int:
    """Leave a line that says that it ran."""
    with Path(path).open("a") as file:
        file.write(f"{number}\n")
    return number


def process() -> int:
    return os.getpid()


def total(array: np.ndarray) -> float:
    return float(array.sum())


def fail() -> None:
    raise ValueError("no such number")
