"""How much a program still computes once it was told to end.

Its processor time says whether it ends at once, and unlike seconds no busy machine lengthens it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

ENDLESS = (
    *("--set", "llm.max_tokens=1500"),
    *("--set", "agent.max_sentences=1000"),
    *("--set", "llm.threads=1"),
)
"""A reply that is still being written when a test ends it; llama.cpp's second thread would spin
while it waits for the first, longer on a busy machine."""
SOON = 2.0
"""Seconds in which a program ends that has the processor to itself."""


@contextmanager
def ending_soon(process: subprocess.Popen, threads: int = 1) -> Iterator[None]:
    """Tell a program to end inside the block; this waits until it has, and says if it was late.

    Args:
        process: the program.
        threads: how many compute at a time in it.
    """
    before = _computed(process.pid)
    yield
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its times go when it is reaped
    assert _computed(process.pid) - before < SOON * threads


def _computed(pid: int) -> float:
    """Return the processor time of a program and its children, in seconds."""
    program = psutil.Process(pid)
    times = [one.cpu_times() for one in (program, *program.children(recursive=True))]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)
