"""The live recognitions of an engine, by number."""

from __future__ import annotations

import itertools
from typing import Generic, TypeVar

from xy_core.core.errors import BackendError

MOST = 32
"""Recognitions that may go on at a time; each holds up to half a minute of sound."""

T = TypeVar("T")


class LiveStreams(Generic[T]):
    """Hands out numbers for what goes on; the numbers are never used again."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[int, T] = {}

    def open(self, stream: T) -> int:
        """Keep it and return its number.

        Raises:
            BackendError: too many go on.
        """
        if len(self._open) >= MOST:
            raise BackendError(f"{MOST} live recognitions go on: end one of them first")
        number = next(self._numbers)
        self._open[number] = stream
        return number

    def get(self, number: int) -> T:
        """Return it.

        Raises:
            BackendError: there is none of that number, or none any more.
        """
        if number not in self._open:
            raise BackendError(
                f"there is no live recognition {number}: it was ended, or its engine started anew"
            )
        return self._open[number]

    def close(self, number: int) -> None:
        """Forget it; harmless when it is."""
        self._open.pop(number, None)

    def clear(self) -> None:
        """Forget all."""
        self._open.clear()
