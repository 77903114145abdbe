"""The cluster as the scheduler sees it: one more device, in whose lane remote work waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from xy_core.core.device import DeviceKind, MemoryReading
from xy_core.core.errors import DeviceLost

log = structlog.get_logger("cluster")

_ASK_EVERY = 2.0
"""Seconds between two questions to Ray, each of which may take longer than the loop can wait."""


class ClusterDevice:
    """The memory that all nodes offer together, as Ray counts it; a `Device`.

    Whether a single node has room for a model is Ray's to find out.
    """

    name = "cluster"
    kind = DeviceKind.CLUSTER
    title = "Ray cluster"
    load_bandwidth = 1e9
    """A guess: files come over a network of 10 Gbit/s."""

    def __init__(self, ask: Callable[[], MemoryReading], ask_every: float = _ASK_EVERY) -> None:
        """Ask once, and go on asking inside `following`.

        Args:
            ask: asks the cluster; may block.
            ask_every: seconds between two questions.
        """
        self._ask = ask
        self._ask_every = ask_every
        self._reading: MemoryReading | None = ask()

    def read_memory(self) -> MemoryReading:
        """See `Device`."""
        if self._reading is None:
            raise DeviceLost("the cluster does not answer")
        return self._reading

    @contextmanager
    def following(self) -> Iterator[None]:
        """Inside the block, keep the figures fresh."""
        stopped = threading.Event()
        thread = threading.Thread(
            target=self._follow, args=(stopped,), name="xy-cluster", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join(self._ask_every)

    def _follow(self, stopped: threading.Event) -> None:
        while not stopped.wait(self._ask_every):
            try:
                self._reading = self._ask()
            except Exception as error:  # noqa: BLE001 - Ray raises what it likes when its head is gone
                if self._reading is not None:
                    log.warning("the cluster does not answer", error=str(error))
                self._reading = None
