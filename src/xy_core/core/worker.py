"""One worker process: the parent's end, and what runs at the other."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any

from xy_core.core.child import SPAWN, WorkerLimits, fate, memory_error, portable, reap, settle_in
from xy_core.core.errors import InvalidTaskError, WorkerCrashed

__all__ = ["Worker", "WorkerLimits", "pack"]


class Worker:
    """A process that runs one function after another.

    It has a pipe of its own and shares no lock with others, so that killing it disturbs nobody.
    Making one, `run` and `close` block and belong to a thread; `kill` may be called from anywhere.

    Attributes:
        tasks: how many functions it was given.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._pipe, child = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(child, limits), daemon=True)
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
            raise WorkerCrashed(f"worker process {self.pid} {fate(self._process)}") from error
        result, raised = pickle.loads(reply)  # noqa: S301 - from our own child
        if isinstance(raised, MemoryError) and self._limits.memory is not None:
            raise memory_error(self._limits.memory, "scheduler.process.memory", raised)
        if raised is not None:
            raise raised
        return result

    def kill(self) -> None:
        """End the process at once, whatever it does; harmless when it has ended."""
        self._killed = True
        self._process.kill()

    def close(self) -> None:
        """Kill the process and wait until it is gone."""
        self._killed = True
        reap(self._process)
        self._pipe.close()


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
    settle_in(limits)
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
        return pickle.dumps((None, portable(error)))
    try:
        return pickle.dumps((result, None), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - a result's own __reduce__ may raise anything
        text = f"the result cannot be sent back from a worker process: {error}"
        return pickle.dumps((None, InvalidTaskError(text)))
