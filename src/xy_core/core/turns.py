"""How long work that never waits may keep the event loop."""

from __future__ import annotations

import asyncio
import time
import types
from collections.abc import Generator

_TURN = 0.001
"""Seconds after which everything else on the loop gets its turn."""


class Turns:
    """The turns of several coroutines that share one allowance of time.

    Ask `over` between two pieces of work; if so, await `give_way`.
    """

    __slots__ = ("_ends", "_waiting")

    def __init__(self) -> None:
        self._ends = 0.0
        self._waiting = False

    def over(self) -> bool:
        """Whether the loop must get to other things now; if so, begins a new turn after them."""
        if time.monotonic() < self._ends:
            return False
        if not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_soon(self._begin)
        return True

    def _begin(self) -> None:
        self._waiting = False
        self._ends = time.monotonic() + _TURN


@types.coroutine
def give_way() -> Generator[None, None, None]:
    """Let the event loop get to everything else once."""
    yield
