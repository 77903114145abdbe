"""The clock that jumps: time passes only where nothing else is to be done."""

from __future__ import annotations

import asyncio
import time

from xy_core.core.clock import VirtualLoop, run_virtual


def test_a_day_takes_a_moment():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.sleep(200_000)
        return loop.time() - begun

    begun = time.monotonic()
    assert run_virtual(main()) == 200_000
    assert time.monotonic() - begun < 10


def test_timers_fire_in_their_order_at_their_moments():
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        begun, seen = loop.time(), []

        async def note(name: str, after: float) -> None:
            await asyncio.sleep(after)
            seen.append((name, round(loop.time() - begun, 9)))

        async with asyncio.TaskGroup() as group:
            for name, after in (("c", 3.0), ("a", 0.1), ("b", 2.0)):
                group.create_task(note(name, after))
        return seen

    assert run_virtual(main()) == [("a", 0.1), ("b", 2.0), ("c", 3.0)]


def test_time_stands_still_while_anything_is_ready():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(1.0, lambda: None)
        begun = loop.time()
        for _ in range(100):
            await asyncio.sleep(0)
        return loop.time() - begun

    assert run_virtual(main()) == 0.0


def test_a_cancelled_timer_neither_moves_the_clock_nor_makes_it_wait():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        loop.call_later(50.0, lambda: None).cancel()
        await asyncio.sleep(100.0)
        return loop.time() - begun

    real = time.monotonic()
    assert run_virtual(main()) == 100.0
    assert time.monotonic() - real < 10


def test_a_thread_is_waited_for_when_no_timer_is_set():
    async def main() -> str:
        return await asyncio.get_running_loop().run_in_executor(None, lambda: "done")

    assert run_virtual(main()) == "done"


def test_a_timeout_ends_what_takes_too_long():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        except TimeoutError:
            return loop.time() - begun
        raise AssertionError

    assert run_virtual(main()) == 5.0


def test_the_loop_can_be_used_by_itself():
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(asyncio.sleep(1.0, "slept")) == "slept"
