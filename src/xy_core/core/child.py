"""What all our worker processes have in common: how they start, keep to limits, and end."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess

from xy_core.core.errors import TaskError

SPAWN = multiprocessing.get_context("spawn")
"""A forked child would inherit the locks of our threads, held for ever."""
_JOIN = 1.0
"""Seconds that a dying process gets to vanish."""
_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker process may use.

    Attributes:
        memory: bytes of private data; None for no limit. Linux and other POSIX systems.
        cores: numbers of the processors that it may run on; None for all.
        nice: how much it steps back behind other processes, 0 to 19.
    """

    memory: int | None = None
    cores: tuple[int, ...] | None = None
    nice: int = 0


def settle_in(limits: WorkerLimits) -> None:
    """In a new process: take on the limits, leave Ctrl-C to the parent, and never outlive it.

    Linux ends the process with the *thread* that started it, so that thread must live as long.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        parent = multiprocessing.parent_process()
        if parent is not None and os.getppid() != parent.pid:
            os._exit(0)  # it died before we asked
        if limits.cores:
            os.sched_setaffinity(0, limits.cores)
    if sys.platform != "win32":
        os.nice(limits.nice)
        if limits.memory is not None:
            import resource  # noqa: PLC0415 - POSIX only

            resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, limits.memory))


def portable(error: BaseException) -> Exception:
    """Return an error that another process can unpickle and raise, whatever its class demands.

    It bears this process's traceback as a note.
    """
    error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
    if isinstance(error, Exception) and _survives(error):
        return error
    replaced = TaskError(f"{type(error).__name__}: {error}")
    for note in error.__notes__:
        replaced.add_note(note)
    return replaced


def _survives(error: Exception) -> bool:
    """Whether it can be made again from its pickle, as many errors cannot."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:  # noqa: BLE001 - see above
        return False
    return True


def memory_error(limit: int, setting: str, cause: BaseException) -> MemoryError:
    """Return the error of a process that ran into its memory limit, naming what sets it."""
    told = MemoryError(f"a worker may use {limit / 2**20:,.0f} MiB: raise {setting}")
    told.__cause__ = cause
    return told


def fate(process: SpawnProcess) -> str:
    """Say how a process ended, after "process 123 …"; waits a moment for its end."""
    process.join(_JOIN)
    code = process.exitcode
    if code is None:
        return "does not answer"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"


def reap(process: SpawnProcess) -> None:
    """Kill a process and wait until it is gone."""
    process.kill()
    process.join(_JOIN)
