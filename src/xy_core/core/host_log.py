"""What a model's process prints, line by line in our own log."""

from __future__ import annotations

import sys
import threading
from collections import deque
from multiprocessing.connection import Connection

import structlog

_LONGEST = 8_192
"""Bytes of a line; a longer one becomes several."""
_REMEMBERED = 20
_TAIL = 0.5
"""Seconds to wait for the last words of a process that has died."""


class ProcessLog:
    """Reads what a process prints until nobody has its end of the pipe any more."""

    def __init__(self, output: Connection, model: str, pid: int) -> None:
        self._output = output
        self._log = structlog.get_logger("host").bind(model=model, pid=pid)
        self._lines: deque[str] = deque(maxlen=_REMEMBERED)
        self._thread = threading.Thread(target=self._relay, name=f"xy-log-{model}", daemon=True)
        if sys.platform != "win32":
            self._thread.start()

    def last_lines(self) -> str:
        """Return what a process said last, once it has ended."""
        if self._thread.is_alive():
            self._thread.join(_TAIL)
        return "\n".join(self._lines)

    def _relay(self) -> None:
        with open(self._output.fileno(), "rb", closefd=False) as stream:
            while raw := stream.readline(_LONGEST):
                # Of a progress bar that draws over itself, only the last state is worth a line.
                line = raw.decode(errors="replace").rstrip().rpartition("\r")[2]
                if line:
                    self._lines.append(line)
                    self._log.info("model process prints", line=line)
        self._output.close()
