"""How soon a process that died is started again."""

from __future__ import annotations

import random
import time
from collections import deque

from xy_core.core.config import HostConfig

_LONGEST = 10.0
"""Seconds that the doubling pauses do not exceed."""


class RestartPolicy:
    """Counts crashes: each pause is twice the one before, and too many lead to a rest."""

    def __init__(self, config: HostConfig) -> None:
        self._config = config
        self._crashes: deque[float] = deque()

    @property
    def resting(self) -> bool:
        """Whether there were more than ``max_restarts`` crashes within ``window`` seconds."""
        return len(self._crashes) > self._config.max_restarts

    def pause(self) -> float:
        """Count a crash, and return for how many seconds to wait now."""
        now = time.monotonic()
        self._crashes.append(now)
        while self._crashes[0] < now - self._config.window:
            self._crashes.popleft()
        if self.resting:
            return self._config.window
        doubled = self._config.backoff * 2.0 ** (len(self._crashes) - 1)
        # With jitter: hosts that died of one cause must not all come back at one moment.
        return min(_LONGEST, doubled) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
