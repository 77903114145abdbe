"""Publishing, subscribing, draining and closing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.config import BusConfig
from xy_core.core.errors import BusError
from xy_core.core.events import Event, EventBus, HandlerFailed
from xy_core.core.routing import TopicCounts
from xy_core.core.subscription import Overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    topic: ClassVar[str] = "voice.said"
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Event):
    topic: ClassVar[str] = "voice.heard"
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Felt(Event):
    topic: ClassVar[str] = "emotion.felt"


async def never(_event: Event) -> None:
    await asyncio.Event().wait()


# -- publish and subscribe -------------------------------------------------------------------


async def test_a_subscriber_gets_the_events_of_its_class(bus):
    async with bus.subscribe(Said) as said:
        await bus.publish(Said(text="hello"))
        await bus.publish(Heard(text="hello"))
        assert await anext(said) == Said(text="hello")
        assert len(said) == 0


@pytest.mark.parametrize(
    ("pattern", "topics"),
    [
        ("voice.*", ["voice.said", "voice.heard"]),
        ("*", ["voice.said", "voice.heard", "emotion.felt"]),
        ("*.felt", ["emotion.felt"]),
        ("voice.said", ["voice.said"]),
        ("voice", []),
        ("VOICE.*", []),
    ],
)
async def test_patterns_match_topics_as_in_a_shell(bus, pattern, topics):
    async with bus.subscribe(pattern) as events:
        for event in (Said(), Heard(), Felt()):
            await bus.publish(event)
    assert [event.topic async for event in events] == topics


async def test_every_subscriber_gets_every_event(bus):
    async with bus.subscribe(Said) as first, bus.subscribe("voice.*") as second:
        await bus.publish(Said(text="hello"))
        assert await anext(first) is await anext(second)


async def test_an_event_without_subscribers_is_no_error(bus):
    await bus.publish(Said())
    bus.publish_nowait(Said())


async def test_a_subscriber_that_left_gets_nothing_more(bus):
    async with bus.subscribe(Said) as events:
        bus.publish_nowait(Said(text="before"))
    bus.publish_nowait(Said(text="after"))
    assert [event.text async for event in events] == ["before"]


async def test_a_new_subscriber_to_a_known_topic_is_seen(bus):
    bus.publish_nowait(Said(text="unheard"))
    async with bus.subscribe("voice.*") as events:
        bus.publish_nowait(Said(text="heard"))
        assert (await anext(events)).text == "heard"


async def test_made_up_topics_do_not_fill_the_memory(bus):
    for number in range(10_000):
        made_up = type("MadeUp", (Event,), {"topic": f"made.up.{number}"})
        bus.publish_nowait(made_up())
    assert len(bus._router) <= 4_096


async def test_a_slow_subscriber_delays_nobody_and_loses_its_own_events(bus):
    async with bus.subscribe(Said, queue_size=2) as slow, bus.subscribe(Said) as other:
        for number in range(10):
            await bus.publish(Said(text=str(number)))
        assert (len(slow), slow.dropped) == (2, 8)
        assert (len(other), other.dropped) == (10, 0)


async def test_the_configured_size_bounds_a_subscriber():
    bus = EventBus(BusConfig(queue_size=3))
    async with bus.subscribe(Said) as events:
        for _ in range(5):
            bus.publish_nowait(Said())
        assert (len(events), events.dropped) == (3, 2)


async def test_publishing_waits_for_a_blocking_subscriber(bus):
    async with bus.subscribe(Said, queue_size=1, overflow=Overflow.BLOCK) as events:
        await bus.publish(Said(text="1"))
        publisher = asyncio.create_task(bus.publish(Said(text="2")))
        await asyncio.sleep(0)
        assert not publisher.done()
        assert (await anext(events)).text == "1"
        await publisher
        assert (await anext(events)).text == "2"


async def test_a_blocking_subscriber_does_not_keep_an_event_from_the_others(bus):
    async with (
        bus.subscribe(Said, queue_size=1, overflow=Overflow.BLOCK),
        bus.subscribe(Said) as other,
    ):
        await bus.publish(Said(text="1"))
        publisher = asyncio.create_task(bus.publish(Said(text="2")))
        await asyncio.sleep(0)
        assert [(await anext(other)).text, (await anext(other)).text] == ["1", "2"]
        publisher.cancel()


# -- handlers --------------------------------------------------------------------------------


async def test_a_handler_is_called_for_one_event_after_the_other(bus):
    got: list[str] = []
    done = asyncio.Event()

    async def handle(event: Said) -> None:
        got.append(f"{event.text} begins")
        await asyncio.sleep(0)
        got.append(f"{event.text} ends")
        if event.text == "b":
            done.set()

    bus.on(Said, handle)
    for text in "ab":
        bus.publish_nowait(Said(text=text))
    await done.wait()
    assert got == ["a begins", "a ends", "b begins", "b ends"]


async def test_a_failing_handler_is_reported_and_goes_on(bus):
    recovered = asyncio.Event()

    async def handle(event: Said) -> None:
        if event.text == "bad":
            raise ValueError("no such word")
        recovered.set()

    bus.on("voice.*", handle, name="listener")
    async with bus.subscribe(HandlerFailed) as failures, bus.subscribe(Said) as other:
        await bus.publish(Said(text="bad"))
        await bus.publish(Said(text="good"))
        await recovered.wait()
        failure = await anext(failures)
        assert failure.subscriber == "listener"
        assert failure.event_topic == "voice.said"
        assert "no such word" in failure.error
        assert len(other) == 2


async def test_a_handler_of_failures_that_fails_does_not_go_round_in_circles(bus):
    calls: list[str] = []
    called_twice = asyncio.Event()

    async def fail(event: Event) -> None:
        calls.append(event.topic)
        if len(calls) == 2:
            called_twice.set()
        raise ValueError

    bus.on(HandlerFailed, fail)
    bus.on(Said, fail)
    await bus.publish(Said())
    await called_twice.wait()
    await bus.close()
    assert calls == ["voice.said", "bus.handler_failed"]


async def test_a_handler_that_was_taken_off_is_not_called_any_more(bus):
    got: list[str] = []

    async def handle(event: Said) -> None:
        got.append(event.text)

    off = bus.on(Said, handle)
    bus.publish_nowait(Said(text="before"))
    off()
    off()
    bus.publish_nowait(Said(text="after"))
    await bus.close()
    assert got == ["before"]


async def test_a_handler_that_meets_a_cancelled_task_goes_on(bus):
    recovered = asyncio.Event()

    async def handle(event: Said) -> None:
        if event.text == "bad":
            raise asyncio.CancelledError
        recovered.set()

    bus.on(Said, handle)
    async with bus.subscribe(HandlerFailed) as failures:
        bus.publish_nowait(Said(text="bad"))
        bus.publish_nowait(Said(text="good"))
        await recovered.wait()
        assert "Cancelled" in (await anext(failures)).error


async def test_many_waiting_events_do_not_keep_the_loop_from_others(bus):
    """Handlers that never wait give way after a while: a timer fires before they are through."""
    handled = 0

    async def handle(_event: Said) -> None:
        nonlocal handled
        handled += 1
        time.sleep(0.0005)  # noqa: ASYNC251 - a handler that computes

    bus.on(Said, handle)
    for _ in range(100):
        bus.publish_nowait(Said())
    await asyncio.sleep(0.002)
    assert handled < 100


async def test_a_class_is_a_subscription_to_its_subclasses_too(bus):
    loud = type("Loud", (Said,), {"topic": "voice.loud"})
    same_topic = type("Other", (Event,), {"topic": "voice.said"})
    async with bus.subscribe(Said) as said, bus.subscribe("voice.said") as by_topic:
        for event in (loud(), same_topic(), Said()):
            bus.publish_nowait(event)
        assert [type(await anext(said)) for _ in range(2)] == [loud, Said]
        assert [type(await anext(by_topic)) for _ in range(2)] == [same_topic, Said]


async def test_what_became_of_events_is_counted_by_the_first_word_of_their_topics(bus):
    async def fail(_event: Event) -> None:
        raise LookupError

    bus.on(Heard, fail)
    async with bus.subscribe("voice.*", queue_size=1):
        await bus.publish(Said())
        bus.publish_nowait(Heard())
        bus.publish_nowait(Felt())
        await bus.drain()
    counts = bus.statistics()
    assert counts["voice"] == TopicCounts(published=2, dropped=1, failed=1)
    assert counts["emotion"] == TopicCounts(published=1)
    assert counts["bus"].published == 1


async def test_made_up_topics_are_counted_together(bus):
    for number in range(1_000):
        bus.publish_nowait(type("MadeUp", (Event,), {"topic": f"topic{number}.x"})())
    counts = bus.statistics()
    assert len(counts) <= 257
    assert sum(count.published for count in counts.values()) == 1_000


# -- closing ---------------------------------------------------------------------------------


async def test_closing_lets_handlers_work_off_what_waits(bus):
    got: list[str] = []

    async def handle(event: Said) -> None:
        got.append(event.text)

    bus.on(Said, handle)
    for text in "abc":
        bus.publish_nowait(Said(text=text))
    await bus.close()
    assert got == ["a", "b", "c"]


def test_closing_waits_no_longer_than_it_was_told(jump):
    async def main() -> None:
        bus = EventBus()
        bus.on(Said, never)
        bus.publish_nowait(Said())
        loop = asyncio.get_running_loop()
        before = loop.time()
        await bus.close(drain=2.0)
        assert loop.time() - before == pytest.approx(2.0)

    jump(main())


async def test_closing_ends_every_subscribers_iteration(bus):
    async with bus.subscribe(Said) as events:
        await bus.close()
        assert [event async for event in events] == []


async def test_draining_waits_for_what_handlers_publish_too(bus):
    got: list[str] = []

    async def first(event: Said) -> None:
        await asyncio.sleep(0)
        await bus.publish(Heard(text=event.text))

    async def second(event: Heard) -> None:
        await asyncio.sleep(0)
        got.append(event.text)

    bus.on(Heard, second)
    bus.on(Said, first)
    for text in "abc":
        bus.publish_nowait(Said(text=text))
    await bus.drain()
    assert got == ["a", "b", "c"]


async def test_publishers_that_wait_get_their_events_in_before_the_bus_closes(bus):
    got: list[str] = []

    async def slow(event: Said) -> None:
        await asyncio.sleep(0)
        got.append(event.text)

    bus.on(Said, slow, queue_size=1, overflow=Overflow.BLOCK)
    publishers = [asyncio.create_task(bus.publish(Said(text=text))) for text in "abc"]
    await asyncio.sleep(0)
    await bus.close()
    await asyncio.gather(*publishers)
    assert got == ["a", "b", "c"]


async def test_a_closed_bus_takes_no_subscribers(bus):
    await bus.close()
    with pytest.raises(BusError, match="closed"):
        bus.on(Said, never)
    with pytest.raises(BusError, match="closed"):
        async with bus.subscribe(Said):
            pass
    await bus.publish(Said())  # nobody is there


# -- any topic, any pattern ------------------------------------------------------------------

Topics = st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=3).map(".".join)
Patterns = st.lists(st.sampled_from(["a", "b", "*", "a*", "?"]), min_size=1, max_size=3)


@given(st.lists(Topics, max_size=20), st.lists(Patterns.map(".".join), max_size=6))
def test_each_subscriber_gets_what_its_pattern_matches_in_order(topics, patterns):
    async def main() -> list[list[str]]:
        bus = EventBus()
        subscriptions = [bus._add(pattern, "", None, Overflow.DROP_OLDEST) for pattern in patterns]
        for topic in topics:
            bus.publish_nowait(type("Some", (Event,), {"topic": topic})())
        await bus.close()
        return [[event.topic async for event in events] for events in subscriptions]

    assert asyncio.run(main()) == [
        [topic for topic in topics if fnmatchcase(topic, pattern)] for pattern in patterns
    ]
