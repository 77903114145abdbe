"""Asking and answering over the bus."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import pytest

from xy_core.core.config import BusConfig
from xy_core.core.errors import BusError, NoResponder, RequestTimeout
from xy_core.core.events import Event, EventBus


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    topic: ClassVar[str] = "voice.said"
    text: str = ""


async def never(_event: Event) -> None:
    await asyncio.Event().wait()


async def test_a_request_gets_its_answer(bus):
    async def shout(event: Said) -> str:
        return event.text.upper()

    bus.respond(Said, shout)
    assert await bus.request(Said(text="hello")) == "HELLO"


async def test_a_request_that_nobody_answers_fails_at_once(bus):
    with pytest.raises(NoResponder, match=r"voice\.said"):
        await bus.request(Said())
    with pytest.raises(NoResponder):
        await bus.request_all(Said())


async def test_a_responder_that_stopped_is_not_asked(bus):
    stop = bus.respond(Said, never)
    stop()
    stop()
    with pytest.raises(NoResponder):
        await bus.request(Said())


async def test_the_first_answer_wins_and_the_others_are_cancelled(bus):
    cancelled = asyncio.Event()

    async def slow(_event: Said) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return "slow"

    async def quick(_event: Said) -> str:
        return "quick"

    bus.respond(Said, slow)
    bus.respond(Said, quick)
    assert await bus.request(Said()) == "quick"
    assert cancelled.is_set()


async def test_another_responder_steps_in_for_one_that_fails(bus):
    async def fail(_event: Said) -> str:
        raise LookupError

    async def answer(_event: Said) -> str:
        return "answer"

    bus.respond(Said, fail)
    bus.respond(Said, answer)
    assert await bus.request(Said()) == "answer"
    assert await bus.request_all(Said()) == ["answer"]


@pytest.mark.parametrize("error", [LookupError("no idea"), TimeoutError("no idea")], ids=repr)
async def test_the_error_of_the_only_responder_reaches_the_asker(bus, error):
    async def fail(_event: Said) -> str:
        raise error

    bus.respond(Said, fail)
    with pytest.raises(type(error), match="no idea"):
        await bus.request(Said())
    assert await bus.request_all(Said()) == []


async def test_a_responder_that_was_cancelled_does_not_cancel_the_asker(bus):
    async def cancelled(_event: Said) -> str:
        raise asyncio.CancelledError

    bus.respond(Said, cancelled)
    with pytest.raises(BusError, match="was cancelled"):
        await bus.request(Said())
    assert await bus.request_all(Said()) == []


def test_a_request_does_not_wait_for_ever(jump):
    async def main() -> None:
        bus = EventBus(BusConfig(request_timeout=30.0))
        bus.respond(Said, never)
        loop = asyncio.get_running_loop()
        before = loop.time()
        with pytest.raises(RequestTimeout, match=r"voice\.said"):
            await bus.request(Said())
        assert loop.time() - before == pytest.approx(30.0)
        with pytest.raises(RequestTimeout):
            await bus.request(Said(), timeout=1.0)
        assert loop.time() - before == pytest.approx(31.0)

    jump(main())


def test_all_answers_that_came_in_time_are_returned_in_order(jump):
    async def main() -> None:
        bus = EventBus()
        for number, delay in enumerate((0.2, 0.1, 9.0)):

            async def answer(_event: Said, number: int = number, delay: float = delay) -> int:
                await asyncio.sleep(delay)
                return number

            bus.respond(Said, answer)
        assert await bus.request_all(Said(), timeout=1.0) == [0, 1]

    jump(main())


async def test_an_asker_that_gives_up_cancels_the_responder(bus):
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def slow(_event: Said) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    bus.respond(Said, slow)
    asker = asyncio.create_task(bus.request(Said()))
    await asked.wait()
    asker.cancel()
    await asyncio.gather(asker, return_exceptions=True)
    assert cancelled.is_set()
