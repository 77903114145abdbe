"""Lets a program be ended politely: SIGTERM unwinds it as Ctrl-C does."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from xy_core.core.errors import Terminated


@contextmanager
def terminating() -> Iterator[None]:
    """Cancel the current asyncio task on SIGTERM, and raise `Terminated` where the block ends.

    SIGINT needs nothing of ours: `asyncio.run` turns it into the cancellation of the main task
    and a `KeyboardInterrupt`. Only the main thread can be told of signals; elsewhere, and where
    the event loop cannot, this does nothing.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    told = False

    def tell() -> None:
        nonlocal told
        told = True
        if task is not None:
            task.cancel()

    try:
        loop.add_signal_handler(signal.SIGTERM, tell)
    except (NotImplementedError, RuntimeError, ValueError):
        yield
        return
    try:
        yield
    except asyncio.CancelledError:
        if told:
            raise Terminated("ended by SIGTERM") from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
