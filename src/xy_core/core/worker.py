"""One worker process: the parent's end, and what runs at the other."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from xy_core.core.errors import InvalidTaskError, TaskError, WorkerCrashed

_SPAWN = multiprocessing.get_context("spawn")
"""A forked child would inherit the locks of our threads, held for ever."""
_JOIN = 1.0
"""Seconds that a killed process gets to vanish."""
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


class Worker:
    """A process that runs one function after another.

    It has a pipe of its own and shares no lock with others, so that killing it disturbs nobody.
    Making one, `run` and `close` block and belong to a thread; `kill` may be called from anywhere.

    Attributes:
        tasks: how many functions it was given.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._pipe, child = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(child, limits), daemon=True)
        self._process.start()
        child.close()
        self._killed = False
        self.tasks = 0

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid or 0

    @property
    def alive(self) -> bool:
        """Whether the process can take another call."""
        return not self._killed and self._process.is_alive()

    def run(self, call: bytes) -> Any:
        """Send a call (see `pack`), wait for its end, and return its result.

        Raises:
            WorkerCrashed: the process died, or was killed.
            InvalidTaskError: the function is not found there, or its result cannot be sent back.
            Exception: whatever the function raised, with the worker's traceback as a note.
        """
        self.tasks += 1
        try:
            self._pipe.send_bytes(call)
            wait([self._pipe, self._process.sentinel])
            reply = self._pipe.recv_bytes()  # of a dead process: what it sent last, or EOFError
        except (EOFError, OSError) as error:
            raise WorkerCrashed(f"worker process {self.pid} {self._fate()}") from error
        result, raised = pickle.loads(reply)  # noqa: S301 - from our own child
        if isinstance(raised, MemoryError) and self._limits.memory is not None:
            limit = self._limits.memory / 2**20
            raise MemoryError(
                f"a worker may use {limit:,.0f} MiB: raise scheduler.process.memory"
            ) from raised
        if raised is not None:
            raise raised
        return result

    def kill(self) -> None:
        """End the process at once, whatever it does; harmless when it has ended."""
        self._killed = True
        self._process.kill()

    def close(self) -> None:
        """Kill the process and wait until it is gone."""
        self.kill()
        self._process.join(_JOIN)
        self._pipe.close()

    def _fate(self) -> str:
        self._process.join(_JOIN)
        code = self._process.exitcode
        if code is None:
            return "does not answer"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with status {code}"


def pack(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
    """Turn a call into bytes.

    Raises:
        InvalidTaskError: the function or an argument cannot be sent to another process.
    """
    try:
        return pickle.dumps((fn, args, dict(kwargs)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # an argument's own __reduce__ may raise anything
        raise InvalidTaskError(
            f"the call cannot be sent to a worker process ({error}): give it a function of a "
            "module, and arguments that can be pickled"
        ) from error


# -- in the worker -------------------------------------------------------------------------------


def _serve(pipe: Connection, limits: WorkerLimits) -> None:
    """Run calls until the parent closes the pipe or dies."""
    _settle_in(limits)
    while True:
        try:
            call = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        pipe.send_bytes(_answer(call))


def _answer(call: bytes) -> bytes:
    try:
        fn, args, kwargs = pickle.loads(call)  # noqa: S301 - from our own parent
    except Exception as error:  # noqa: BLE001 - importing the function may raise anything
        return pickle.dumps((None, InvalidTaskError(f"not found in the worker process: {error}")))
    try:
        result = fn(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - it is the outcome
        return _portable(error)
    try:
        return pickle.dumps((result, None), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - a result's own __reduce__ may raise anything
        text = f"the result cannot be sent back from a worker process: {error}"
        return pickle.dumps((None, InvalidTaskError(text)))


def _portable(error: Exception) -> bytes:
    """An error as bytes that the parent can read, whatever its class demands."""
    error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
    try:
        reply = pickle.dumps((None, error))
        pickle.loads(reply)  # noqa: S301 - our own bytes: many errors cannot be made again
    except Exception:  # noqa: BLE001 - see above
        return pickle.dumps((None, TaskError(f"{type(error).__name__}: {error}")))
    return reply


def _settle_in(limits: WorkerLimits) -> None:
    """Take on the limits, leave Ctrl-C to the parent, and never outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(0)  # it died before we asked
        if limits.cores:
            os.sched_setaffinity(0, limits.cores)
    if sys.platform != "win32":
        os.nice(limits.nice)
        if limits.memory is not None:
            import resource  # noqa: PLC0415 - POSIX only

            resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, limits.memory))
