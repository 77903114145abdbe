"""What memory of a device is promised to whom, checked against the driver's own figure."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from xy_core.core.device import Device, MemoryReading
from xy_core.core.errors import DeviceLost, DeviceMemoryError

_POLL = 0.02
"""Seconds between two looks at the driver while memory is to come back."""
_FRESH = 0.1
"""Seconds for which a reading of the driver is good enough."""


class MemoryLease:
    """The right to a number of bytes of a device, until released.

    Attributes:
        holder: who has it, for people.
        size: bytes.
        taken: bytes of it that are in use, as far as known; the driver counts them as used.
    """

    __slots__ = ("_ledger", "holder", "size", "taken")

    def __init__(self, ledger: MemoryLedger, holder: str, size: int) -> None:
        self._ledger: MemoryLedger | None = ledger
        self.holder = holder
        self.size = size
        self.taken = 0

    def fill(self) -> None:
        """Note that the memory begins to be used: until `take`, new use is counted as this one's.

        Otherwise what a load has brought so far would count twice, as promised and as used.
        """
        if self._ledger is not None:
            self._ledger.begin(self)

    def take(self, size: int | None = None) -> None:
        """Note that the memory is in use now: all of it, or what was measured."""
        self.taken = self.size if size is None else size
        if self._ledger is not None:
            self._ledger.resize(self, max(self.size, self.taken))

    def release(self) -> None:
        """Give the bytes back; harmless when repeated."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.settle(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


@dataclass(frozen=True, slots=True)
class MemoryAccount:
    """A device's memory at one moment, in bytes.

    Attributes:
        total: what may be promised.
        promised: what is promised.
        free: what may still be promised now.
        driver_free: what the driver says is free.
        foreign: what others use: other programs, and what of ours has no lease.
        by_process: what each process uses, as far as the driver tells.
    """

    total: int
    promised: int
    free: int
    driver_free: int
    foreign: int
    by_process: Mapping[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    holder: str
    size: int
    lease: asyncio.Future[MemoryLease]


class MemoryLedger:
    """Promises the memory of one device, never more than there is.

    ``free = min(driver's free − reserve − what is promised but not yet in use, total − promised)``.
    The first term sees other programs, the second our own promises. All methods belong to the
    loop.
    """

    def __init__(self, device: Device, *, budget: int | None = None, reserve: int = 0) -> None:
        """Keep the books of a device.

        Args:
            device: whose memory.
            budget: bytes that may be promised at most; all of the device if not given.
            reserve: bytes that are left free for other programs.
        """
        self.device = device
        self._reserve = reserve
        self._loop = asyncio.get_running_loop()
        self._leases: set[MemoryLease] = set()
        self._filling: set[MemoryLease] = set()
        self._used_before = 0
        self._promised = 0
        self._waiting: deque[_Waiting] = deque()
        self._polling: asyncio.TimerHandle | None = None
        self._reading = device.read_memory()
        self._read_at = self._loop.time()
        there = max(0, self._reading.total - reserve)
        self.total = there if budget is None else min(budget, there)

    @property
    def promised(self) -> int:
        """Bytes that are promised."""
        return self._promised

    @property
    def leases(self) -> frozenset[MemoryLease]:
        """All leases that are out."""
        return frozenset(self._leases)

    def free(self) -> int:
        """Bytes that may still be promised; negative when others have taken what was promised.

        Raises:
            DeviceLost: the device does not answer any more.
        """
        reading = self._read()
        pending = sum(max(0, lease.size - lease.taken) for lease in self._leases)
        pending -= self._filled(reading)
        return min(reading.free - self._reserve - pending, self.total - self._promised)

    def account(self) -> MemoryAccount:
        """Return all figures, with a fresh reading.

        Raises:
            DeviceLost: the device does not answer any more.
        """
        self.refresh()
        reading = self._reading
        taken = sum(lease.taken for lease in self._leases) + self._filled(reading)
        foreign = max(0, reading.total - reading.free - taken)
        return MemoryAccount(
            self.total, self._promised, self.free(), reading.free, foreign, reading.by_process
        )

    def promise(self, holder: str, size: int) -> MemoryLease | None:
        """Lease bytes if they are free now, past all who wait; None if not.

        Raises:
            DeviceLost: the device does not answer any more.
        """
        if size < 0:
            raise ValueError(f"{holder}: {size} bytes cannot be leased")
        if size > self.free():
            return None
        lease = MemoryLease(self, holder, size)
        self._leases.add(lease)
        self._promised += size
        return lease

    @asynccontextmanager
    async def lease(self, holder: str, size: int) -> AsyncIterator[MemoryLease]:
        """Wait until the bytes are free, in order of arrival, and hold them for the block.

        Raises:
            DeviceMemoryError: there will never be as many.
            DeviceLost: the device does not answer any more.
        """
        if size > self.total:
            raise DeviceMemoryError(self.device.name, size, self.total)
        lease = None if self._waiting else self.promise(holder, size)
        with lease or await self._turn(holder, size) as held:
            yield held

    async def until_free(self, size: int, within: float) -> bool:
        """Wait, at most that many seconds, until the driver shows the bytes as free.

        A driver gives memory back some time after a model was unloaded.
        """
        deadline = self._loop.time() + within
        while True:
            self.refresh()
            if self.free() >= size:
                return True
            if self._loop.time() >= deadline:
                return False
            await asyncio.sleep(_POLL)

    def refresh(self) -> None:
        """Ask the driver again, whatever the age of the last answer.

        Raises:
            DeviceLost: the device does not answer any more.
        """
        self._reading = self.device.read_memory()
        self._read_at = self._loop.time()
        self._wake()

    # -- told by leases ----------------------------------------------------------------------

    def begin(self, lease: MemoryLease) -> None:
        """Count what is newly used from now on as the lease's."""
        if not self._filling:
            self._used_before = _used(self.device.read_memory())
        self._filling.add(lease)

    def resize(self, lease: MemoryLease, size: int) -> None:
        """Let a lease be as large as what was really taken."""
        if lease in self._filling:
            self._filling.discard(lease)
            self._used_before += lease.taken
        self._promised += size - lease.size
        lease.size = size
        self._read_at = -1.0

    def settle(self, lease: MemoryLease) -> None:
        """Take a lease back."""
        self._leases.discard(lease)
        self._filling.discard(lease)
        self._promised -= lease.size
        self._read_at = -1.0
        self._wake()

    # -- inside ------------------------------------------------------------------------------

    async def _turn(self, holder: str, size: int) -> MemoryLease:
        """Wait until the bytes are free and all who came earlier have theirs."""
        waiting = _Waiting(holder, size, self._loop.create_future())
        self._waiting.append(waiting)
        self._wake()
        try:
            return await waiting.lease
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                self._wake()  # those behind may need less
            elif not waiting.lease.cancelled() and waiting.lease.exception() is None:
                waiting.lease.result().release()
            raise

    def _filled(self, reading: MemoryReading) -> int:
        """Bytes that leases which are being filled use already."""
        expected = sum(lease.size for lease in self._filling)
        return max(0, min(expected, _used(reading) - self._used_before))

    def _read(self) -> MemoryReading:
        now = self._loop.time()
        if not 0 <= now - self._read_at <= _FRESH:
            self._reading = self.device.read_memory()
            self._read_at = now
        return self._reading

    def _wake(self) -> None:
        """Serve those who wait, in their order; nobody tells us when others free memory."""
        try:
            while self._waiting and not self._waiting[0].lease.done():
                first = self._waiting[0]
                lease = self.promise(first.holder, first.size)
                if lease is None:
                    break
                self._waiting.popleft()
                first.lease.set_result(lease)
        except DeviceLost as error:
            self._fail(error)
        if self._waiting and self._polling is None:
            self._polling = self._loop.call_later(_POLL, self._poll)

    def _poll(self) -> None:
        self._polling = None
        if self._waiting:
            self._read_at = -1.0
            self._wake()

    def _fail(self, error: DeviceLost) -> None:
        """A device that is gone frees nothing: all who wait are told."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.lease.done():
                waiting.lease.set_exception(error)


def _used(reading: MemoryReading) -> int:
    """Bytes in use by this process if the driver tells, else by all."""
    return reading.by_process.get(os.getpid(), reading.total - reading.free)
