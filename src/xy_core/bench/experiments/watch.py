"""Watches a run from aside: how late the loop is, and how much memory is held."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil

from xy_core.bench.experiments.record import Recorder

_TICK = 0.002
"""Seconds between two looks at the clock, as of a program that plays audio."""
_LOOK = 0.25
"""Seconds between two looks at the memory: each goes through all processes of the machine."""


@asynccontextmanager
async def watched(recorder: Recorder) -> AsyncIterator[None]:
    """Record lateness and memory for the time of the block."""
    stopped = threading.Event()
    thread = threading.Thread(target=_weigh, args=(recorder, stopped), daemon=True)
    thread.start()
    listening = asyncio.create_task(_listen(recorder.run.lags))
    await asyncio.sleep(0)
    try:
        yield
        await asyncio.sleep(_TICK)  # a loop blocked to the very end is late as well
    finally:
        stopped.set()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await asyncio.to_thread(thread.join)


async def _listen(lags: list[float]) -> None:
    before = time.perf_counter()
    while True:
        await asyncio.sleep(_TICK)
        now = time.perf_counter()
        lags.append(max(0.0, now - before - _TICK))
        before = now


def _weigh(recorder: Recorder, stopped: threading.Event) -> None:
    while not stopped.wait(_LOOK):
        recorder.run.memory.append((round(recorder.now(), 3), resident_bytes()))


def resident_bytes() -> int:
    """Return what the program and its processes hold in memory now."""
    own = psutil.Process()
    total = own.memory_info().rss
    for child in own.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:
            continue
    return total
