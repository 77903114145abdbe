"""Measures how late the event loop runs, and names what held it up."""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Self

import structlog

from xy_core.core.histogram import Histogram, Quantiles

log = structlog.get_logger("watchdog")

_BEAT = 0.02
"""Seconds between two heartbeats of the loop."""
_KEPT = 100
"""Blockers that are remembered."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """A stretch of time in which the loop could not run.

    Attributes:
        ts: when it was noticed, in seconds since the epoch.
        seconds: how long it lasted.
        stack: what the loop's thread was doing, a call a line (file, line, function), innermost
            last; or that it was idle, but others had the processor.
    """

    ts: float
    seconds: float
    stack: str


class LoopWatchdog:
    """Watches the running event loop for the length of an ``async with`` block.

    The loop beats every 20 ms and records how late each beat comes. A thread looks at the beat;
    when it is overdue by `threshold` seconds, it takes the stack of the loop's thread.

    Attributes:
        blockers: the latest stretches over the threshold, oldest first.
    """

    def __init__(self, threshold: float = 0.1) -> None:
        self.blockers: deque[Blocker] = deque(maxlen=_KEPT)
        self._threshold = threshold
        self._lag = Histogram()
        self._beat_at = 0.0
        self._loop_thread = 0
        self._stack = ""
        self._stopped = threading.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None

    @property
    def lag(self) -> Quantiles:
        """How late the beats came, in seconds."""
        return self._lag.quantiles()

    def lag_quantile(self, share: float) -> float:
        """Return the lateness, in seconds, that `share` (0 to 1) of all beats did not exceed."""
        return self._lag.quantile(share)

    async def __aenter__(self) -> Self:
        self._stopped.clear()
        self._loop_thread = threading.get_ident()
        self._schedule(asyncio.get_running_loop())
        self._thread = threading.Thread(target=self._watch, name="xy-watchdog", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beat_at = time.monotonic() + _BEAT
        self._timer = loop.call_later(_BEAT, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        late = time.monotonic() - self._beat_at
        self._lag.observe(late)
        stack, self._stack = self._stack, ""
        if stack:
            # A busy machine blocks at the same few places: one text each, not one a blocker.
            stack = next((one.stack for one in self.blockers if one.stack == stack), stack)
            self.blockers.append(Blocker(time.time(), late, stack))
            # No warning: people who chat have no use for a stack, and a busy machine is no fault.
            log.info("event loop blocked", seconds=round(late, 3), stack=stack)
        self._schedule(loop)

    def _watch(self) -> None:
        while not self._stopped.wait(self._threshold / 2):
            late = time.monotonic() - self._beat_at
            if late > self._threshold and not self._stack:
                frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the documented way
                self._stack = _describe(frame)


def _describe(frame: FrameType | None) -> str:
    """What held the loop up: its own code, or others that had the processor while it was idle."""
    if frame is None:
        return "unknown"
    if frame.f_code.co_filename == selectors.__file__:
        return "nothing of the loop's own: other threads or programs had the processor"
    calls = [
        f"{caller.f_code.co_filename}:{line} in {caller.f_code.co_name}"
        for caller, line in traceback.walk_stack(frame)
    ]
    # Without the source lines: they would be read from files while the loop is late, and the
    # standard library's cache keeps every file that it has once read.
    return "\n".join(reversed(calls))
