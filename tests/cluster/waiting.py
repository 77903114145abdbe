"""Waiting for what another machine does."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(met: Callable[[], object], within: float = 60.0) -> None:
    end = time.monotonic() + within
    while not met():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
