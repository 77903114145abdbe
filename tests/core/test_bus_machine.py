"""Any sequence of publishing, reading, giving up and closing keeps the bus's promises."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from xy_core.core.errors import BusError, NoResponder, RequestTimeout
from xy_core.core.events import Event, EventBus, HandlerFailed, Request
from xy_core.core.subscription import Overflow, Subscription
from xy_core.core.task import TaskPriority


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Event):
    topic: ClassVar[str] = "machine.note"
    number: int


KINDS = {
    priority: type(f"{priority.name.title()}Note", (Note,), {"priority": priority})
    for priority in TaskPriority
}


class Publication:
    """One `publish` that may still wait, and the queues of the model that it waits for."""

    def __init__(self, event: Note) -> None:
        self.event = event
        self.waits_for: list[Model] = []
        self.waited_for: list[Model] = []
        self.task: asyncio.Task[None] | None = None


class Model:
    """What a subscription should do, written down as plainly as can be."""

    def __init__(self, size: int, overflow: Overflow) -> None:
        self.size = size
        self.overflow = overflow
        self.waiting: list[Note] = []
        self.blocked: list[Publication] = []
        self.dropped = 0

    def publish(self, publication: Publication) -> None:
        place = len(self.waiting) < self.size and not self.blocked
        if self.overflow is not Overflow.BLOCK or place:
            self.put(publication.event)
        else:
            self.blocked.append(publication)
            publication.waits_for.append(self)
            publication.waited_for.append(self)

    def put(self, event: Note) -> None:
        if len(self.waiting) < self.size:
            self.waiting.append(event)
            return
        self.dropped += 1
        if self.overflow is Overflow.DROP_OLDEST:
            gives_way = min(self.waiting, key=lambda one: one.priority)
            if gives_way.priority <= event.priority:
                self.waiting.remove(gives_way)
                self.waiting.append(event)

    def take(self) -> Note:
        first = max(self.waiting, key=lambda one: one.priority)
        self.waiting.remove(first)
        return first

    def let_in(self) -> None:
        while self.blocked and len(self.waiting) < self.size:
            publication = self.blocked.pop(0)
            publication.waits_for.remove(self)
            self.waiting.append(publication.event)

    def give_up(self, publication: Publication) -> None:
        if publication in self.blocked:
            self.blocked.remove(publication)
        elif publication.event in self.waiting:
            self.waiting.remove(publication.event)
            self.let_in()

    def close(self) -> None:
        self.dropped += len(self.blocked)
        for publication in self.blocked:
            publication.waits_for.remove(self)
        self.blocked.clear()


@dataclass
class Place:
    """A subscription beside its model."""

    events: Subscription[Event]
    model: Model
    stack: AsyncExitStack
    closed: bool = field(default=False)


class BusMachine(RuleBasedStateMachine):
    """Drives a bus and a model of it side by side."""

    places = Bundle("places")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.bus = EventBus()
        self.all: list[Place] = []
        self.publications: list[Publication] = []
        self.published = 0

    def do(self, step: Any) -> Any:
        """Take a step on the loop, and let everything happen that follows."""

        async def take() -> Any:
            outcome = step()
            for _ in range(6):
                await asyncio.sleep(0)
            return outcome

        return self.runner.run(take())

    @initialize(target=places)
    def block(self) -> Any:
        """Two that block, or situations in which a publisher waits for several are rare."""
        return multiple(self.subscribe(1, Overflow.BLOCK), self.subscribe(2, Overflow.BLOCK))

    @rule(target=places, size=st.integers(1, 3), overflow=st.sampled_from(Overflow))
    def subscribe(self, size: int, overflow: Overflow) -> Place:
        async def enter() -> Place:
            stack = AsyncExitStack()
            events = await stack.enter_async_context(
                self.bus.subscribe(Note, queue_size=size, overflow=overflow)
            )
            return Place(events, Model(size, overflow), stack)

        place = self.runner.run(enter())
        self.all.append(place)
        return place

    @rule(priority=st.sampled_from(TaskPriority))
    def publish(self, priority: TaskPriority) -> None:
        self.start_to_publish(priority, lambda: None)

    @rule(priority=st.sampled_from(TaskPriority), place=places)
    def publish_while_another_gets_a_place(self, priority: TaskPriority, place: Place) -> None:
        if place.model.waiting and not place.closed:
            place.model.take()
            self.start_to_publish(priority, place.events.take)

    def start_to_publish(self, priority: TaskPriority, before: Any) -> None:
        publication = Publication(KINDS[priority](number=self.published))
        self.published += 1
        for place in self.all:
            if not place.closed:
                place.model.publish(publication)
                place.model.let_in()

        async def publish_after() -> None:
            before()
            await self.bus.publish(publication.event)

        publication.task = self.do(lambda: asyncio.ensure_future(publish_after()))
        self.publications.append(publication)

    @rule(priority=st.sampled_from(TaskPriority))
    def publish_without_waiting(self, priority: TaskPriority) -> None:
        event = KINDS[priority](number=self.published)
        self.published += 1
        for place in self.all:
            if not place.closed:
                place.model.put(event)
        self.do(lambda: self.bus.publish_nowait(event))

    @rule(place=places)
    def read(self, place: Place) -> None:
        if place.model.waiting:
            expected = place.model.take()
            place.model.let_in()
            assert self.do(place.events.take) is expected
        else:
            assert self.do(place.events.take) is None

    @rule(number=st.integers(0, 10))
    def give_up(self, number: int) -> None:
        waiting = [one for one in self.publications if one.waits_for]
        if waiting:
            publication = waiting[number % len(waiting)]
            for model in publication.waited_for:
                model.give_up(publication)
            publication.waits_for.clear()
            self.do(publication.task.cancel)
            assert publication.task.cancelled()

    @rule(place=consumes(places))
    def close(self, place: Place) -> None:
        place.closed = True
        place.model.close()
        self.runner.run(place.stack.aclose())
        self.do(lambda: None)

    @invariant()
    def every_queue_holds_what_it_should(self) -> None:
        for place in self.all:
            assert len(place.events) == len(place.model.waiting) <= place.model.size
            assert place.events.dropped == place.model.dropped

    @invariant()
    def a_publisher_waits_only_for_full_blocking_subscribers(self) -> None:
        for publication in self.publications:
            assert publication.task.done() == (not publication.waits_for)

    @invariant()
    def the_figures_agree(self) -> None:
        counts = self.bus.statistics().get("machine")
        if counts is not None:
            assert counts.published == self.published
            assert counts.dropped == sum(place.model.dropped for place in self.all)

    def teardown(self) -> None:
        self.runner.run(self.bus.close())
        self.do(lambda: None)
        assert all(publication.task.done() for publication in self.publications)
        for place in self.all:
            if not place.closed:
                place.model.close()
            rest = self.runner.run(_rest(place.events))
            assert rest == [place.model.take() for _ in range(len(place.model.waiting))]
        self.runner.close()


async def _rest(events: Subscription[Event]) -> list[Event]:
    return [event async for event in events]


TestBusMachine = BusMachine.TestCase
TestBusMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


# -- handlers --------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["well", "fails", "cancelled"]), max_size=30), st.integers(1, 4))
def test_every_handler_gets_everything_in_order_whatever_others_do(fates, subscribers):
    async def main() -> None:
        bus = EventBus()
        got: list[list[int]] = [[] for _ in range(subscribers)]
        for place in got:

            async def handle(event: Note, place: list[int] = place) -> None:
                place.append(event.number)
                await asyncio.sleep(0)
                if fates[event.number] == "fails":
                    raise LookupError(event.number)
                if fates[event.number] == "cancelled":
                    raise asyncio.CancelledError

            bus.on(Note, handle, queue_size=2, overflow=Overflow.BLOCK)
        async with bus.subscribe(HandlerFailed, queue_size=1_000) as failures:
            for number in range(len(fates)):
                await bus.publish(KINDS[TaskPriority.MEDIUM](number=number))
            await bus.close()
            failed = [failure async for failure in failures]
        assert got == [list(range(len(fates)))] * subscribers
        assert len(failed) == subscribers * sum(fate != "well" for fate in fates)

    asyncio.run(main())


# -- requests --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Request[int]):
    topic: ClassVar[str] = "machine.ask"


async def respond(fate: str) -> int:
    await asyncio.sleep(0)
    if fate == "fails":
        raise LookupError(fate)
    if fate == "cancelled":
        raise asyncio.CancelledError
    if fate == "hangs":
        await asyncio.Event().wait()
    return 7


def no_coroutine_function(_event: Ask) -> Any:
    raise LookupError("at once")


def ending(fates: list[str]) -> type[BaseException] | tuple[type[BaseException], ...] | None:
    """The error that a request ends with, if any, given what its responders do."""
    if "answers" in fates:
        return None
    if not fates:
        return NoResponder
    return RequestTimeout if "hangs" in fates else (LookupError, BusError)


@given(st.lists(st.sampled_from(["answers", "fails", "cancelled", "hangs", "plain"]), max_size=5))
def test_every_request_ends_with_the_best_that_its_responders_offer(fates):
    async def main() -> None:
        bus = EventBus()
        for fate in fates:
            responder = no_coroutine_function if fate == "plain" else lambda _e, f=fate: respond(f)
            bus.respond(Ask, responder)
        before = len(asyncio.all_tasks())
        error = ending(fates)
        if error is None:
            assert await bus.request(Ask(), timeout=5.0) == 7
        else:
            with pytest.raises(error):
                await bus.request(Ask(), timeout=0.01)
        if fates:
            answers = await bus.request_all(Ask(), timeout=0.01 if "hangs" in fates else 5.0)
            assert answers == [7] * fates.count("answers")
        assert len(asyncio.all_tasks()) == before, "a responder was left behind"

    asyncio.run(main())
