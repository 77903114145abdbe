"""The watchdog measures the loop and names what held it up."""

from __future__ import annotations

import asyncio
import linecache
import selectors
import socket
import sys
import threading
from collections.abc import Callable

from xy_core.core.watchdog import LoopWatchdog, _describe


def hold_the_loop_until_noticed(watchdog: LoopWatchdog) -> None:
    while not watchdog._stack:
        threading.Event().wait(0.005)


async def until(met: Callable[[], object]) -> None:
    """Give the loop to others until the watchdog, which tells nobody, has seen something."""
    while not met():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_what_blocks_the_loop_is_named():
    async with asyncio.timeout(30), LoopWatchdog(threshold=0.05) as watchdog:
        hold_the_loop_until_noticed(watchdog)
        await until(lambda: watchdog.blockers)
        blocker = watchdog.blockers[0]
        assert "hold_the_loop_until_noticed" in blocker.stack
        assert blocker.seconds > 0.05
        assert watchdog.lag.maximum >= blocker.seconds
        assert watchdog.lag_quantile(1.0) > 0.05


async def test_a_loop_that_is_free_beats_and_blames_nobody():
    async with asyncio.timeout(30), LoopWatchdog(threshold=20.0) as watchdog:
        await until(lambda: watchdog.lag.count >= 3)
        assert not watchdog.blockers


async def test_the_watchdog_leaves_no_thread_behind():
    async with LoopWatchdog() as watchdog:
        thread = watchdog._thread
        assert thread.is_alive()
    assert not thread.is_alive()


async def test_a_watchdog_can_watch_again():
    watchdog = LoopWatchdog(threshold=0.05)
    async with watchdog:
        pass
    async with asyncio.timeout(30), watchdog:
        assert watchdog._thread.is_alive()
        hold_the_loop_until_noticed(watchdog)
        await until(lambda: watchdog.blockers)


async def test_blockers_at_one_place_share_their_text():
    async with asyncio.timeout(30), LoopWatchdog(threshold=0.05) as watchdog:
        words = ["the same", "place"]
        for count in (1, 2):
            watchdog._stack = " ".join(words)  # another object each time
            await until(lambda count=count: len(watchdog.blockers) >= count)
        first, second = (one for one in watchdog.blockers if one.stack == "the same place")
        assert first.stack is second.stack


def test_describing_a_stack_keeps_no_source_file():
    linecache.clearcache()
    lines = _describe(sys._getframe()).splitlines()
    assert lines[-1].startswith(f"{__file__}:")
    assert lines[-1].endswith(" in test_describing_a_stack_keeps_no_source_file")
    assert not linecache.cache


def test_an_idle_loop_is_not_blamed_for_a_busy_machine():
    pipe, other = socket.socketpair()
    selector = selectors.DefaultSelector()
    selector.register(pipe, selectors.EVENT_READ)
    waiting = threading.Thread(target=selector.select)
    waiting.start()
    told = ""
    while "other threads or programs" not in told:  # it says so once the thread has got there
        told = _describe(sys._current_frames().get(waiting.ident))
    other.send(b"x")
    waiting.join()
    for opened in (selector, pipe, other):
        opened.close()
    assert "test_an_idle_loop" in _describe(sys._getframe())
    assert _describe(None) == "unknown"
