"""What a host asks of a model's process, on this machine or on another one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from xy_core.core.config import HostConfig
from xy_core.core.errors import WorkerCrashed
from xy_core.core.host_link import Kind


class CallInFlight(Protocol):
    """One call to a process; leaving its context before the call has ended cancels it."""

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the call's end, and return its result or raise its error.

        Args:
            timeout: seconds after which the process is killed.

        Raises:
            TaskCancelled: the task that waits was cancelled.
            WorkerCrashed: the process died.
        """

    def items(self) -> Iterator[Any]:
        """Yield the items of a stream as they come; raises as `result` does."""


class ModelProcess(Protocol):
    """One process of a model, from its start to its end.

    Attributes:
        ended: set once the process is gone.
        deliberate: whether it was killed for no fault of its model.
    """

    ended: threading.Event
    deliberate: bool

    @property
    def pid(self) -> int:
        """The process's id on its machine; 0 as long as it is not known."""

    @property
    def node(self) -> str:
        """The address of its machine, and its name there; empty for this machine."""

    def begin(self, kind: Kind, content: Any, grace: float) -> AbstractContextManager[CallInFlight]:
        """Send a call, and return what it opens.

        Args:
            kind: MAKE, CALL or STREAM.
            content: what that kind needs: factory, arguments, the method to begin with and its
                arguments; or method, arguments, keyword arguments, items that may be under way.
            grace: seconds that the call gets to end when it is cancelled.

        Raises:
            InvalidTaskError: the content cannot be pickled.
        """

    def ping(self) -> float:
        """Ask for a sign of life; return for how many seconds an earlier question has waited."""

    def stop(self, timeout: float) -> None:
        """Ask the process to cancel its calls and to end; kill it if it does not."""

    def kill(self, reason: str, *, deliberate: bool = False) -> None:
        """End the process at once, and wait until it is gone."""

    def crash(self) -> WorkerCrashed:
        """Return the error of a call that this process did not survive."""


OpenProcess = Callable[[str, HostConfig], ModelProcess]
"""Starts a process, given the model's name and the limits; returns without waiting for it."""
