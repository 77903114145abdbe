"""What other modules know stands in the prompt; what they do wrong does not end the turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic import BaseModel

from tests.agent.conftest import Open, agent, busy, of, turn
from xy_core.agent import ContextProvider, Informed, PartFailed, Question, TurnDone, UserInput
from xy_core.agent.provider import LONGEST
from xy_core.core.module import Module
from xy_core.runtime import Runtime

pytestmark = pytest.mark.models
Telling = Callable[[Question], Awaitable[str]]


class Nothing(BaseModel):
    """A module without settings."""


class Sensor(Module[Nothing], ContextProvider):
    """Tells what a test wants it to."""

    name = "sensor"
    config_model = Nothing
    telling: Telling

    async def initialize(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def tell(self, question: Question) -> str:
        return await self.telling(question)


async def told(runtime: Runtime, telling: Telling) -> list[object]:
    """Run a turn in which a module tells that, and return its events."""
    sensor = Sensor.__new__(Sensor)
    sensor.telling = telling
    runtime.engine._runner.running["sensor"] = sensor
    events = await turn(
        agent(runtime, speak=False, recall=0, max_sentences=1, context_timeout=0.2),
        UserInput("Hello", person="lin"),
    )
    assert isinstance(events[-1], TurnDone)
    assert not any(busy(runtime).values())
    del runtime.engine._runner.running["sensor"]
    return events


async def test_a_module_is_asked_with_the_words_and_the_person(opening: Open):
    asked: list[Question] = []

    async def answer(question: Question) -> str:
        asked.append(question)
        return "  It rains \n outside. " + "x" * 2 * LONGEST

    async with opening(["llm"]) as runtime:
        events = await told(runtime, answer)
        (informed,) = of(Informed, events)
        (note,) = informed.notes
        assert asked == [Question("Hello", "lin", "en")]
        assert note.module == "sensor"
        assert note.text.startswith("It rains outside. xxx")
        assert len(note.text) == LONGEST

        async def nothing(_: Question) -> str:
            return " "

        assert of(Informed, await told(runtime, nothing)) == []


async def test_a_module_that_fails_or_is_slow_is_left_out(opening: Open):
    async def fail(_: Question) -> str:
        raise KeyError("no such room")

    async def hang(_: Question) -> str:
        await asyncio.Event().wait()
        return "never"

    async with opening(["llm"]) as runtime:
        for telling, reason in ((fail, "no such room"), (hang, "TimeoutError")):
            events = await told(runtime, telling)
            assert of(Informed, events) == []
            failures = {one.part: str(one.error) for one in of(PartFailed, events)}
            assert reason in failures["sensor"]
