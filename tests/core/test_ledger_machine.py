"""Whatever happens in whatever order: no byte is promised twice, and nobody is forgotten."""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from xy_core.core.clock import VirtualLoop
from xy_core.core.ledger import MemoryLease, MemoryLedger
from xy_core.core.sim_device import SimDevice

MEMORY = 1_000
SIZES = st.integers(0, MEMORY)
SETTLED = 0.3
"""Seconds after which the books have seen what happened."""


class Waiter:
    """Somebody who waits for memory and then keeps it until told."""

    def __init__(self, ledger: MemoryLedger, number: int, size: int, seen: list[int]) -> None:
        self.number, self.size = number, size
        self.held: MemoryLease | None = None
        self.enough = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(self._wait(ledger, seen))

    async def _wait(self, ledger: MemoryLedger, seen: list[int]) -> None:
        async with ledger.lease(f"waiter {self.number}", self.size) as self.held:
            seen.append(self.number)
            await self.enough.wait()


class LedgerMachine(RuleBasedStateMachine):
    """Leases, waiters, loads and other programs on one device."""

    leases = Bundle("leases")
    loaded = Bundle("loaded")
    waiters = Bundle("waiters")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.seen: list[int] = []
        self.waiting: list[Waiter] = []
        self.count = 0
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.device = SimDevice(memory=MEMORY, load_bandwidth=1e6, return_delay=0.1)
        self.ledger = MemoryLedger(self.device, budget=MEMORY - 50, reserve=20)

    def settle(self) -> None:
        self.runner.run(asyncio.sleep(SETTLED))

    def teardown(self) -> None:
        for waiter in self.waiting:
            waiter.task.cancel()
        self.settle()
        self.runner.close()

    @rule(target=leases, size=SIZES)
    def promise(self, size: int):
        lease = self.runner.run(self._promise(size))
        return multiple() if lease is None else lease

    async def _promise(self, size: int) -> MemoryLease | None:
        free = self.ledger.free()
        lease = self.ledger.promise("lease", size)
        assert (lease is not None) == (size <= free)
        return lease

    @rule(lease=consumes(leases))
    def release(self, lease: MemoryLease) -> None:
        self.runner.run(self._release(lease, 0))

    @rule(target=loaded, lease=consumes(leases), part=st.floats(0, 1.2), announced=st.booleans())
    def load(self, lease: MemoryLease, part: float, announced: bool):
        size = int(lease.size * part)
        if size > self.device.read_memory().free:
            self.runner.run(self._release(lease, 0))
            return multiple()
        self.runner.run(self._load(lease, size, announced))
        return (lease, size)

    async def _load(self, lease: MemoryLease, size: int, announced: bool) -> None:
        if announced:
            lease.fill()
        await self.device.load(size)
        lease.take(size)

    @rule(pair=consumes(loaded))
    def unload(self, pair: tuple[MemoryLease, int]) -> None:
        self.runner.run(self._release(*pair))

    async def _release(self, lease: MemoryLease, size: int) -> None:
        self.device.unload(size)
        lease.release()

    @rule(size=SIZES)
    def others_use(self, size: int) -> None:
        self.device.occupy(size)
        self.settle()

    @rule(target=waiters, size=st.integers(0, MEMORY - 50))
    def wait(self, size: int):
        self.count += 1
        waiter = self.runner.run(self._wait(size))
        self.waiting.append(waiter)
        self.settle()
        return waiter

    async def _wait(self, size: int) -> Waiter:
        return Waiter(self.ledger, self.count, min(size, self.ledger.total), self.seen)

    @rule(waiter=consumes(waiters), patient=st.booleans())
    def end_waiting(self, waiter: Waiter, patient: bool) -> None:
        if patient and waiter.held is not None:
            waiter.enough.set()
        else:
            waiter.task.cancel()
        self.waiting.remove(waiter)
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule()
    def nobody_who_could_be_served_waits(self) -> None:
        self.settle()
        first = next((waiter for waiter in self.waiting if waiter.held is None), None)
        if first is not None:
            assert first.size > self.runner.run(self._free())

    async def _free(self) -> int:
        return self.ledger.free()

    @invariant()
    def the_sum_is_right(self) -> None:
        leases = self.ledger.leases
        assert self.ledger.promised == sum(lease.size for lease in leases)
        untaken = [lease for lease in leases if lease.taken <= lease.size]
        assert len(untaken) == len(leases)

    @invariant()
    def what_is_free_is_there(self) -> None:
        self.settle()
        free = self.runner.run(self._free())
        pending = sum(lease.size - lease.taken for lease in self.ledger.leases)
        assert free <= self.ledger.total - self.ledger.promised
        assert free <= self.device.read_memory().free - pending - 20

    @invariant()
    def nobody_overtakes(self) -> None:
        assert self.seen == sorted(self.seen)


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLedger = LedgerMachine.TestCase
