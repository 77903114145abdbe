"""Backends and functions that the tests send to other nodes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from xy_core.cluster.connection import ray_library


class Counter:
    """A backend that counts, slowly if asked to."""

    def __init__(self, step: float = 0.0) -> None:
        self.step = step

    def load(self) -> None:
        pass

    def close(self) -> None:
        pass

    def where(self) -> str:
        return ray_library().get_runtime_context().get_node_id()

    def fail(self) -> None:
        raise ValueError("no such number")

    def slowly(self, seconds: float) -> str:
        time.sleep(seconds)
        return self.where()

    def count(self, upto: int) -> Iterator[int]:
        for number in range(upto):
            time.sleep(self.step)
            yield number

    def hand_over(self, emit: Callable[[int], object], upto: int) -> None:
        for number in range(upto):
            emit(number)

    def count_in_file(self, path: str, upto: int) -> Iterator[int]:
        for number in range(upto):
            append(path, number)
            yield number

    def wait_for(self, path: str) -> Iterator[str]:
        """Yield nothing before the file is there; then where it ran."""
        Path(path + ".began").touch()
        while not Path(path).exists():
            time.sleep(0.02)
        yield self.where()


def append(path: str, number: int) -> int:
    """Leave a line that says that it ran."""
    with Path(path).open("a") as file:
        file.write(f"{number}\n")
    return number


def process() -> int:
    return os.getpid()


def total(array: object) -> float:
    return float(array.sum())


def fail() -> None:
    raise ValueError("no such number")
