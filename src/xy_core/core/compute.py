"""What a running task on a device can do with its place: lend it for a while, report its memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Protocol

from xy_core.core.cancellation import checkpoint
from xy_core.core.task import TaskInfo, TaskPriority


class Lender(Protocol):
    """The lane whose place is lent; both belong to the loop's thread."""

    def lend(self, lease: ComputeLease, go_on: Callable[[], None]) -> None:
        """Give the place to more urgent work; `go_on` is called once it is the lease's again."""

    def forget(self, lease: ComputeLease) -> None:
        """Forget a lease that no longer waits for its place."""


class ComputeLease:
    """The right of one running task, or batch, to compute on a device.

    Attributes:
        tasks: whose: the task's record, or those of a batch.
        priority: how urgent it is.
        seat: the device's name.
        wanted: whether more urgent work waits for the place.
        peak: the most working memory that was reported, in bytes.
    """

    __slots__ = ("_lender", "_loop", "peak", "priority", "seat", "tasks", "wanted")

    def __init__(
        self, lender: Lender, tasks: Sequence[TaskInfo], priority: TaskPriority, seat: str
    ) -> None:
        self._lender = lender
        self._loop = asyncio.get_running_loop()
        self.tasks = tasks
        self.priority = priority
        self.seat = seat
        self.wanted = False
        self.peak = 0

    def wait_on_thread(self) -> None:
        """Lend the place, and block the calling thread until it is the task's again."""
        back = threading.Event()
        self._loop.call_soon_threadsafe(self._lender.lend, self, back.set)
        back.wait()

    async def wait(self) -> None:
        """Lend the place, and wait until it is the task's again."""
        back = self._loop.create_future()
        self._lender.lend(self, lambda: None if back.done() else back.set_result(None))
        try:
            await back
        except asyncio.CancelledError:
            self._lender.forget(self)
            raise


current_lease: ContextVar[ComputeLease | None] = ContextVar("xy_core_compute_lease", default=None)


def give_way() -> None:
    """Wait here while more urgent work needs the device; end here if the task was cancelled.

    Long work on a device's thread calls it between steps: tokens, chunks, diffusion steps. Its
    model and its memory stay where they are. Outside of a device task it only looks for a
    cancellation.

    Raises:
        TaskCancelled: the task was cancelled, timed out or was preempted.
    """
    checkpoint()
    lease = current_lease.get()
    if lease is not None and lease.wanted:
        lease.wait_on_thread()
        checkpoint()


async def give_way_async() -> None:
    """Wait here while more urgent work needs the device: `give_way` for coroutines."""
    lease = current_lease.get()
    if lease is not None and lease.wanted:
        await lease.wait()


def report_peak(size: int) -> None:
    """Report the most working memory, in bytes, that the running device task has used so far.

    What tasks of its kind ask for is corrected by it from the next one on.
    """
    lease = current_lease.get()
    if lease is not None:
        lease.peak = max(lease.peak, size)


def report_node(node: str) -> None:
    """Note on the running device task's record which machine of a cluster computes it."""
    lease = current_lease.get()
    if lease is not None:
        for task in lease.tasks:
            task.node = node
