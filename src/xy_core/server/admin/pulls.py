"""Models that are being fetched: each a task of the scheduler that others look at and cancel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Literal

from pydantic import BaseModel

from xy_core.core.errors import XyCoreError
from xy_core.core.job import TaskHandle
from xy_core.core.task import TaskPriority, TaskStatus
from xy_core.models import InstalledModel
from xy_core.runtime import Runtime

_PACE = 0.1
"""Seconds between two reports of progress."""
_KEPT = 100
"""Ended pulls whose outcome is remembered."""

PullState = Literal["waiting", "pulling", "installed", "failed", "cancelled"]
_STATES: dict[TaskStatus, PullState] = {
    TaskStatus.PENDING: "waiting",
    TaskStatus.RUNNING: "pulling",
    TaskStatus.COMPLETED: "installed",
    TaskStatus.FAILED: "failed",
    TaskStatus.TIMED_OUT: "failed",
    TaskStatus.CANCELLED: "cancelled",
}


class PullProgress(BaseModel):
    """How far a pull has come.

    Attributes:
        model: its id in the catalogue.
        task_id: the task that fetches it.
        state: how far it is.
        done: bytes that are there.
        total: bytes that there will be, as far as known.
        error: why it failed.
    """

    model: str
    task_id: str
    state: PullState
    done: int
    total: int
    error: str


class Pull:
    """One model on its way."""

    def __init__(self, model: str, size: int) -> None:
        self.model = model
        self._size = size
        self._files: dict[str, tuple[int, int]] = {}
        self._moved = asyncio.Event()
        self._handle: TaskHandle[InstalledModel] | None = None

    def begin(self, handle: TaskHandle[InstalledModel]) -> None:
        """Note which task fetches it."""
        self._handle = handle

    @property
    def handle(self) -> TaskHandle[InstalledModel]:
        """The task that fetches it."""
        assert self._handle is not None, "a pull is begun before anybody sees it"  # noqa: S101
        return self._handle

    def note(self, file: str, done: int, total: int) -> None:
        """Note that bytes have come; see `Progress`."""
        self._files[file] = (done, total)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def progress(self) -> PullProgress:
        """Return how far it has come."""
        info = self.handle.info
        done = sum(there for there, _ in self._files.values())
        total = max(self._size, done, sum(size for _, size in self._files.values()))
        state = _STATES[info.status]
        return PullProgress(
            model=self.model,
            task_id=info.task_id,
            state=state,
            done=total if state == "installed" else done,
            total=total,
            error=info.error,
        )

    async def follow(self) -> AsyncGenerator[PullProgress, None]:
        """Yield its progress, at most ten times a second, until it has ended."""
        ending = asyncio.ensure_future(self._ended())
        try:
            while not ending.done():
                moved = self._moved
                yield self.progress()
                moving = asyncio.ensure_future(moved.wait())
                await asyncio.wait({moving, ending}, return_when=asyncio.FIRST_COMPLETED)
                moving.cancel()
                await asyncio.wait({ending}, timeout=_PACE)
            yield self.progress()
        finally:
            ending.cancel()

    async def _ended(self) -> None:
        with suppress(XyCoreError):
            await self.handle


class Pulls:
    """The pulls of this program, the last one of each model."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._pulls: dict[str, Pull] = {}

    def get(self, model: str) -> Pull | None:
        """Return the pull of a model, also one that has ended."""
        return self._pulls.get(model)

    def start(self, model: str) -> Pull:
        """Begin to fetch a model, or return the pull that is under way.

        Raises:
            UnknownModelError: the catalogue does not know it.
            QueueFull: too much waits already.
        """
        running = self._pulls.get(model)
        if running is not None and not running.handle.done():
            return running
        store, offline = self._runtime.store, self._runtime.settings.offline
        pull = Pull(model, store.catalogue.entry(model).size)
        pull.begin(
            self._runtime.engine.scheduler.submit(
                store.pull,
                model,
                kwargs={"offline": offline, "progress": pull.note},
                name="models.pull",
                priority=TaskPriority.LOW,
                note=model,
            )
        )
        self._pulls.pop(model, None)
        self._pulls[model] = pull
        ended = [name for name, one in self._pulls.items() if one.handle.done()]
        for name in ended[: max(0, len(ended) - _KEPT)]:
            del self._pulls[name]
        return pull
