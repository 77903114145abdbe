"""A subscriber's bounded queue and its overflow policies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.events import Event
from xy_core.core.subscription import Overflow, Subscription
from xy_core.core.task import TaskPriority


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Event):
    topic: ClassVar[str] = "number"
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgent(Number):
    priority: ClassVar[TaskPriority] = TaskPriority.CRITICAL


def subscription(size: int = 3, overflow: Overflow = Overflow.DROP_OLDEST) -> Subscription:
    return Subscription("test", size, overflow)


async def rest(events: Subscription) -> list[int]:
    """Close the subscription and return what still lies in it."""
    events.close()
    return [event.value async for event in events]


async def test_events_keep_their_order():
    events = subscription()
    for value in range(3):
        events.put_nowait(Number(value=value))
    assert len(events) == 3
    assert await rest(events) == [0, 1, 2]
    assert events.dropped == 0


async def test_urgent_events_come_first():
    events = subscription()
    events.put_nowait(Number(value=1))
    events.put_nowait(Urgent(value=2))
    events.put_nowait(Urgent(value=3))
    assert await rest(events) == [2, 3, 1]


async def test_the_oldest_of_the_lowest_priority_gives_way():
    events = subscription()
    events.put_nowait(Urgent(value=0))
    for value in range(1, 5):
        events.put_nowait(Number(value=value))
    assert events.dropped == 2
    assert await rest(events) == [0, 3, 4]


async def test_the_newest_gives_way():
    events = subscription(overflow=Overflow.DROP_NEWEST)
    for value in range(5):
        events.put_nowait(Number(value=value))
    assert events.dropped == 2
    assert await rest(events) == [0, 1, 2]


async def test_a_blocking_subscriber_holds_its_publishers_back():
    events = subscription(size=1, overflow=Overflow.BLOCK)
    await events.put(Number(value=0))
    writers = [asyncio.create_task(events.put(Number(value=value))) for value in (1, 2)]
    await asyncio.sleep(0)
    assert not any(writer.done() for writer in writers)
    assert [(await anext(events)).value for _ in range(3)] == [0, 1, 2]
    await asyncio.gather(*writers)
    assert events.dropped == 0


async def test_a_blocking_subscriber_loses_what_cannot_wait():
    events = subscription(size=1, overflow=Overflow.BLOCK)
    events.put_nowait(Number(value=0))
    events.put_nowait(Number(value=1))
    assert events.dropped == 1
    assert await rest(events) == [0]


async def test_a_publisher_that_gives_up_lets_the_next_one_in():
    events = subscription(size=1, overflow=Overflow.BLOCK)
    await events.put(Number(value=0))
    first = asyncio.create_task(events.put(Number(value=1)))
    second = asyncio.create_task(events.put(Number(value=2)))
    await asyncio.sleep(0)
    assert (await anext(events)).value == 0
    first.cancel()
    async with asyncio.timeout(5):
        assert (await anext(events)).value == 2
    await second


async def test_a_reader_waits_for_an_event_and_for_the_end():
    events = subscription()
    reader = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    events.put_nowait(Number(value=1))
    assert (await reader).value == 1
    reader = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    events.close()
    with pytest.raises(StopAsyncIteration):
        await reader


async def test_a_reader_that_gives_up_loses_no_event():
    events = subscription()
    reader = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    events.put_nowait(Number(value=1))
    assert await rest(events) == [1]


async def test_closing_lets_publishers_go_and_takes_no_more():
    events = subscription(size=1, overflow=Overflow.BLOCK)
    await events.put(Number(value=0))
    writer = asyncio.create_task(events.put(Number(value=1)))
    await asyncio.sleep(0)
    events.close()
    await writer
    assert events.closed
    assert await rest(events) == [0]


async def test_several_readers_share_the_events():
    events = subscription()
    readers = [asyncio.ensure_future(anext(events)) for _ in range(3)]
    await asyncio.sleep(0)
    for value in range(3):
        events.put_nowait(Number(value=value))
    assert {(await reader).value for reader in readers} == {0, 1, 2}


async def test_an_event_for_a_reader_that_gives_up_goes_to_the_next():
    events = subscription()
    first, second = (asyncio.ensure_future(anext(events)) for _ in range(2))
    await asyncio.sleep(0)
    events.put_nowait(Number(value=1))
    first.cancel()
    async with asyncio.timeout(5):
        assert (await second).value == 1


async def test_a_less_urgent_event_pushes_nothing_out():
    events = subscription(size=1)
    events.put_nowait(Urgent(value=1))
    events.put_nowait(Number(value=2))
    assert events.dropped == 1
    assert await rest(events) == [1]


async def test_events_get_in_in_the_order_in_which_their_publishers_came():
    events = subscription(size=1, overflow=Overflow.BLOCK)
    writers = [asyncio.create_task(events.put(Number(value=value))) for value in range(4)]
    await asyncio.sleep(0)
    got = [(await anext(events)).value]
    writers.append(asyncio.create_task(events.put(Number(value=4))))  # there is a place just now
    got += [(await anext(events)).value for _ in range(4)]
    assert got == [0, 1, 2, 3, 4]
    await asyncio.gather(*writers)


async def test_publishers_that_give_up_leave_nothing_behind():
    events = subscription(size=1, overflow=Overflow.BLOCK)
    await events.put(Number(value=0))
    for value in range(1, 100):
        writer = asyncio.create_task(events.put(Number(value=value)))
        await asyncio.sleep(0)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        await asyncio.sleep(0)
    assert not events._blocked
    assert await rest(events) == [0]


async def test_what_is_told_of_lost_events():
    lost: list[int] = []
    events = Subscription("test", 1, Overflow.DROP_OLDEST, lambda event: lost.append(event.value))
    for value in range(3):
        events.put_nowait(Number(value=value))
    assert lost == [0, 1]


Values = st.lists(st.booleans(), max_size=40)


@given(Values, st.integers(1, 6), st.sampled_from([Overflow.DROP_OLDEST, Overflow.DROP_NEWEST]))
def test_nothing_is_lost_without_being_counted(urgencies, size, overflow):
    events = subscription(size, overflow)
    for value, urgent in enumerate(urgencies):
        events.put_nowait((Urgent if urgent else Number)(value=value))
    got = asyncio.run(rest(events))
    assert len(got) == min(size, len(urgencies))
    assert len(got) + events.dropped == len(urgencies)
    assert got == sorted(got, key=lambda value: (not urgencies[value], value))
    if overflow is Overflow.DROP_NEWEST:
        assert set(got) == set(range(len(got)))
