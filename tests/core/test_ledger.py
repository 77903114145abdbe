"""The books of a device's memory: what is promised is there, and who waits comes in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from xy_core.core.clock import run_virtual
from xy_core.core.errors import DeviceLost, DeviceMemoryError
from xy_core.core.ledger import MemoryLease, MemoryLedger
from xy_core.core.sim_device import OTHERS, SimDevice

GIB = 2**30


def on(size: int = 8 * GIB, **options: float) -> Callable[[], tuple[SimDevice, MemoryLedger]]:
    """Make a device and its books, on the running loop."""
    books = {name: options.pop(name) for name in ("budget", "reserve") if name in options}

    def make() -> tuple[SimDevice, MemoryLedger]:
        device = SimDevice(memory=size, **options)
        return device, MemoryLedger(device, **books)

    return make


async def take_turn(ledger: MemoryLedger, name: str, size: int, seen: list[str]) -> None:
    async with ledger.lease(name, size):
        seen.append(name)
        await asyncio.sleep(1.0)


def test_free_is_what_is_not_promised():
    async def main() -> None:
        _, ledger = on()()
        first = ledger.promise("a", 5 * GIB)
        assert (ledger.free(), ledger.promised) == (3 * GIB, 5 * GIB)
        assert ledger.promise("b", 4 * GIB) is None
        assert ledger.leases == {first}
        with first:
            pass
        first.release()
        assert (ledger.free(), ledger.promised) == (8 * GIB, 0)

    run_virtual(main())


def test_memory_that_is_used_is_not_counted_twice():
    async def main() -> None:
        device, ledger = on()()
        lease = ledger.promise("a", 5 * GIB)
        await device.load(5 * GIB)
        lease.take()
        assert ledger.free() == 3 * GIB
        assert ledger.account().foreign == 0

    run_virtual(main())


def test_memory_of_a_load_under_way_is_not_counted_twice():
    async def main() -> None:
        device, ledger = on(load_bandwidth=GIB)()
        small = ledger.promise("small", GIB)
        await device.load(GIB)
        small.take()
        large = ledger.promise("large", 5 * GIB)
        large.fill()
        loading = asyncio.ensure_future(device.load(5 * GIB))
        await asyncio.sleep(1.0)
        assert ledger.free() == 2 * GIB
        assert ledger.account().foreign == 0
        assert ledger.promise("working memory of the small one", 2 * GIB) is not None
        await loading
        large.take()
        assert ledger.free() == 0

    run_virtual(main())


def test_what_others_take_during_a_load_is_theirs():
    async def main() -> None:
        device, ledger = on(load_bandwidth=GIB)()
        lease = ledger.promise("a", 5 * GIB)
        lease.fill()
        device.occupy(2 * GIB)
        assert ledger.account().foreign == 2 * GIB
        assert ledger.free() == GIB

    run_virtual(main())


def test_a_failed_load_leaves_nothing_in_the_books():
    async def main() -> None:
        device, ledger = on(load_bandwidth=GIB)()
        lease = ledger.promise("a", 5 * GIB)
        lease.fill()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await device.load(5 * GIB)
        lease.release()
        assert ledger.free() == 8 * GIB

    run_virtual(main())


def test_two_loads_at_a_time_are_counted_together():
    async def main() -> None:
        device, ledger = on(foreign=2 * GIB)()
        first, second = ledger.promise("a", 3 * GIB), ledger.promise("b", 2 * GIB)
        first.fill()
        await device.load(3 * GIB)
        second.fill()
        await device.load(GIB)
        assert ledger.free() == GIB
        first.take()
        assert ledger.free() == GIB
        await device.load(GIB)
        second.take()
        assert ledger.free() == GIB

    run_virtual(main())


def test_a_lease_grows_to_what_was_measured():
    async def main() -> None:
        device, ledger = on()()
        lease = ledger.promise("a", 2 * GIB)
        await device.load(3 * GIB)
        lease.take(3 * GIB)
        assert (lease.size, ledger.promised, ledger.free()) == (3 * GIB, 3 * GIB, 5 * GIB)
        lease.release()
        assert ledger.promised == 0

    run_virtual(main())


def test_what_a_lease_has_not_taken_yet_stays_promised():
    async def main() -> None:
        device, ledger = on()()
        lease = ledger.promise("a", 4 * GIB)
        await device.load(GIB)
        lease.take(GIB)
        assert ledger.free() == 4 * GIB

    run_virtual(main())


def test_other_programs_are_seen():
    async def main() -> None:
        device, ledger = on()()
        ledger.promise("a", 5 * GIB)
        device.occupy(4 * GIB)
        account = ledger.account()
        assert account.foreign == 4 * GIB
        assert account.by_process[OTHERS] == 4 * GIB
        assert account.driver_free == 4 * GIB
        assert account.free == -GIB
        assert ledger.promise("b", 0) is None

    run_virtual(main())


def test_budget_and_reserve_are_kept():
    async def main() -> None:
        _, ledger = on(budget=3 * GIB)()
        assert ledger.total == ledger.free() == 3 * GIB
        device, ledger = on(reserve=GIB)()
        assert ledger.total == ledger.free() == 7 * GIB
        device.occupy(2 * GIB)
        ledger.refresh()
        assert ledger.free() == 5 * GIB
        _, ledger = on(budget=100 * GIB)()
        assert ledger.total == 8 * GIB

    run_virtual(main())


def test_more_than_there_is_is_refused_at_once():
    async def main() -> None:
        _, ledger = on()()
        with pytest.raises(DeviceMemoryError, match="9,216 MiB"):
            async with ledger.lease("a", 9 * GIB):
                pass
        with pytest.raises(ValueError, match="cannot be leased"):
            ledger.promise("a", -1)

    run_virtual(main())


def test_those_who_wait_come_in_turn_and_a_small_one_does_not_overtake():
    async def main() -> list[str]:
        _, ledger = on()()
        seen: list[str] = []
        async with asyncio.TaskGroup() as group:
            for name, size in (("a", 6), ("b", 6), ("c", 1), ("d", 1)):
                group.create_task(take_turn(ledger, name, size * GIB, seen))
            await asyncio.sleep(0.5)
            assert seen == ["a"]
        assert ledger.promised == 0
        return seen

    assert run_virtual(main()) == ["a", "b", "c", "d"]


def test_one_who_gives_up_lets_those_behind_go_on():
    async def main() -> None:
        _, ledger = on()()
        seen: list[str] = []
        held = ledger.promise("held", 6 * GIB)
        large = asyncio.ensure_future(take_turn(ledger, "large", 8 * GIB, seen))
        small = asyncio.ensure_future(take_turn(ledger, "small", GIB, seen))
        await asyncio.sleep(0.5)
        assert seen == []
        large.cancel()
        await small
        assert seen == ["small"]
        held.release()
        assert ledger.promised == 0

    run_virtual(main())


def test_a_lease_that_came_at_the_moment_of_giving_up_is_given_back():
    async def main() -> None:
        _, ledger = on()()
        held = ledger.promise("held", 8 * GIB)
        waiting = asyncio.ensure_future(take_turn(ledger, "a", GIB, []))
        await asyncio.sleep(0.01)
        held.release()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert ledger.promised == 0

    run_virtual(main())


def test_a_lease_ends_with_its_block_whatever_happens_in_it():
    async def main() -> None:
        _, ledger = on()()
        with pytest.raises(RuntimeError):
            async with ledger.lease("a", GIB):
                raise RuntimeError("oops")
        assert ledger.promised == 0

    run_virtual(main())


def test_one_who_waits_is_served_once_other_programs_have_gone():
    async def main() -> float:
        device, ledger = on(foreign=7 * GIB)()
        asyncio.get_running_loop().call_later(3.0, device.occupy, 0)
        begun = asyncio.get_running_loop().time()
        async with ledger.lease("a", 4 * GIB):
            return asyncio.get_running_loop().time() - begun

    assert 3.0 <= run_virtual(main()) <= 3.1


def test_one_who_waits_is_served_once_the_driver_shows_the_memory():
    async def main() -> float:
        device, ledger = on(return_delay=2.0)()
        lease = ledger.promise("model", 7 * GIB)
        await device.load(7 * GIB)
        lease.take()
        waiting = asyncio.ensure_future(take_turn(ledger, "a", 4 * GIB, []))
        await asyncio.sleep(0)
        device.unload(7 * GIB)
        lease.release()
        begun = asyncio.get_running_loop().time()
        await waiting
        return asyncio.get_running_loop().time() - begun - 1.0

    assert 2.0 <= run_virtual(main()) <= 2.1


def test_waiting_for_memory_to_come_back():
    async def main() -> None:
        device, ledger = on(return_delay=2.0)()
        await device.load(7 * GIB)
        device.unload(7 * GIB)
        assert not await ledger.until_free(4 * GIB, within=1.0)
        assert await ledger.until_free(4 * GIB, within=5.0)
        assert await ledger.until_free(8 * GIB, within=0.0)

    run_virtual(main())


def test_a_lost_device_fails_those_who_wait_and_takes_leases_back():
    async def main() -> None:
        device, ledger = on()()
        held = ledger.promise("held", 8 * GIB)
        waiting = [asyncio.ensure_future(take_turn(ledger, n, GIB, [])) for n in "ab"]
        await asyncio.sleep(0.01)
        device.fail()
        held.release()
        await asyncio.wait(waiting)
        assert all(isinstance(one.exception(), DeviceLost) for one in waiting)
        assert ledger.promised == 0
        with pytest.raises(DeviceLost):
            async with ledger.lease("late", GIB):
                pass
        with pytest.raises(DeviceLost):
            ledger.account()

    run_virtual(main())


def test_a_device_that_is_lost_while_one_waits_is_noticed():
    async def main() -> None:
        device, ledger = on()()
        ledger.promise("held", 8 * GIB)
        asyncio.get_running_loop().call_later(1.0, device.fail)
        with pytest.raises(DeviceLost):
            async with ledger.lease("a", GIB):
                pass

    run_virtual(main())


def test_nothing_is_polled_while_nobody_waits():
    async def main() -> float:
        _, ledger = on()()
        held = ledger.promise("held", 8 * GIB)
        waiting = asyncio.ensure_future(take_turn(ledger, "a", GIB, []))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        held.release()
        await asyncio.sleep(0.1)
        assert isinstance(held, MemoryLease)
        return len(asyncio.get_running_loop()._scheduled)

    assert run_virtual(main()) == 0
