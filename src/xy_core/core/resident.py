"""One model as seen from one device, and the right of a task to compute with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from xy_core.core.ledger import MemoryLease
from xy_core.core.model import ModelSpec, ModelState, Variant

_COOLDOWN = 5.0
"""Seconds after a failed load before the next attempt; doubles with each failure."""
_COOLDOWN_CAP = 300.0


@dataclass(slots=True, eq=False)
class Resident:
    """One model as seen from one device.

    Attributes:
        spec: the model.
        state: where it is.
        variant: how it is held, while it is; also while it is swapped.
        loaded: what `ModelSpec.load` gave.
        lease: its memory on the device.
        host_lease: its memory in host RAM while it is swapped.
        users: tasks that compute with it now, or gave way.
        computing: those of them that have a place.
        uses: tasks that ever did.
        load_seconds: how long bringing it took the last time.
        value: what keeping it is worth (see `eviction`).
        smallest: index of the first variant that may still be tried after the memory ran out.
        failures: loads that failed in a row.
        retry_at: loop time before which it is not loaded again.
        error: why the last load failed.
        withdrawn: whether it is to go for good.
        idle: set while nothing computes with it.
    """

    spec: ModelSpec[Any]
    state: ModelState = ModelState.COLD
    variant: Variant | None = None
    loaded: Any = None
    lease: MemoryLease | None = None
    host_lease: MemoryLease | None = None
    users: int = 0
    computing: int = 0
    uses: int = 0
    load_seconds: float = 0.0
    value: float = 0.0
    smallest: int = 0
    failures: int = 0
    retry_at: float = 0.0
    error: Exception | None = None
    withdrawn: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.idle.set()

    @property
    def size(self) -> int:
        """Bytes of the device that it holds."""
        return 0 if self.lease is None else self.lease.size

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants that may be tried, the best first."""
        return self.spec.variants[self.smallest :]

    @property
    def outgrown(self) -> bool:
        """Whether it is held in a variant for which the memory did not suffice."""
        return self.variant is not None and self.variant not in self.variants

    def drop_lease(self) -> None:
        """Hold nothing of the device any more."""
        if self.lease is not None:
            self.lease.release()
            self.lease = None

    def drop_host_lease(self) -> None:
        """Hold nothing of the host RAM any more."""
        if self.host_lease is not None:
            self.host_lease.release()
            self.host_lease = None

    def fail(self, error: Exception, now: float) -> None:
        """Hold nothing, since loading raised; `now` is the loop's clock, in seconds."""
        self.forget()
        self.state = ModelState.FAILED
        self.error = error
        self.retry_at = now + min(_COOLDOWN_CAP, _COOLDOWN * 2.0**self.failures)
        self.failures += 1

    def cooldown(self, now: float) -> float:
        """Return the seconds until it may be loaded again after a failure."""
        return max(0.0, self.retry_at - now) if self.state is ModelState.FAILED else 0.0

    def forget(self) -> None:
        """Hold nothing any more, neither on the device nor in host RAM."""
        self.drop_lease()
        self.drop_host_lease()
        self.loaded = self.variant = None
        self.state = ModelState.COLD


@dataclass(slots=True, eq=False)
class Admission:
    """The right of one task to compute: its model stays, its working memory is its own.

    Attributes:
        resident: the model it uses; None if it uses none.
        lease: its working memory; None if it needs none.
        placed: whether it has a place of the device's compute; a further member of a batch has
            none, nor has one that gives way.
    """

    resident: Resident | None
    lease: MemoryLease | None
    placed: bool = False
