"""Keeps the garbage collector's pauses short: it holds the interpreter, so it holds the loop."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def settled_objects() -> Iterator[None]:
    """Leave all that exists now out of full collections, for the time of the block.

    A full collection looks at every container there is: 20 ms for the 70,000 that a program with
    its libraries has before the first task. What is there once everything is loaded will stay, so
    looking again is of no use.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
