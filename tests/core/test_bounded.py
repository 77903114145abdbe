"""Time limits hold whatever the code does that they bound."""

from __future__ import annotations

import asyncio

import pytest

from xy_core.core.bounded import bounded
from xy_core.core.errors import TaskCancelled


async def answer() -> int:
    await asyncio.sleep(0)
    return 7


async def deaf(release: asyncio.Event) -> None:
    while not release.is_set():
        try:
            await release.wait()
        except asyncio.CancelledError:
            continue


async def test_what_ends_in_time_gives_its_result_or_its_error():
    assert await bounded(answer(), 5.0) == 7

    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await bounded(fail(), 5.0)


async def test_what_cancels_itself_does_not_cancel_its_caller():
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(TaskCancelled):
        await bounded(cancelled(), 5.0)


def test_what_takes_too_long_is_cancelled(jump):
    cleaned = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.5)
            cleaned.append(asyncio.get_running_loop().time())

    async def main() -> None:
        before = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await bounded(slow(), 2.0)
        assert cleaned == [pytest.approx(before + 2.5)]

    jump(main())


def test_what_ignores_its_cancellation_is_left_behind(jump):
    async def main() -> None:
        release = asyncio.Event()
        before = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await bounded(deaf(release), 2.0)
        assert asyncio.get_running_loop().time() - before == pytest.approx(3.0)
        release.set()
        await asyncio.sleep(0)

    jump(main())


async def test_a_caller_that_gives_up_cancels_the_work():
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.create_task(bounded(work(), 60.0))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()
