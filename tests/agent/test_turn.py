"""A turn of which a part is missing: it goes on without it, or says what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import Open, agent, busy, of, turn
from xy_core.agent import (
    Expressed,
    Felt,
    PartFailed,
    Remembered,
    ReplyToken,
    Seen,
    Spoken,
    TurnDone,
    TurnFailed,
    UserInput,
)
from xy_core.agent.config import AgentConfig
from xy_core.agent.turn import Turn
from xy_core.core.arrival import arrived
from xy_core.core.errors import ModuleUnavailable
from xy_core.modules.vision import Picture
from xy_core.modules.voice import read_audio
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings

pytestmark = pytest.mark.models


async def test_without_its_other_parts_an_agent_still_answers(opening: Open, samples: Path):
    picture = Picture.load(samples / "sign.png", 10_000_000)
    async with opening(["llm"]) as bare:
        events = await turn(agent(bare, max_sentences=2), UserInput("Hello", image=picture))
        assert not any(busy(bare).values())
    failures = of(PartFailed, events)
    assert {failure.part for failure in failures} == {"vision", "emotion", "memory", "voice"}
    for failure in failures:
        assert isinstance(failure.error, ModuleUnavailable)
        assert f"module {failure.part!r} is not available" in str(failure.error)
    assert (
        of(Seen, events) == of(Felt, events) == of(Remembered, events) == of(Spoken, events) == []
    )
    assert of(Expressed, events)[0].expression.directive == "friendly"
    assert isinstance(events[-1], TurnDone)
    assert events[-1].reply == "".join(event.text for event in of(ReplyToken, events)).strip()
    assert "first_audio" not in events[-1].seconds


async def test_speech_that_nobody_can_hear_fails_the_turn(opening: Open, samples: Path):
    audio = read_audio(samples / "sad_news.wav", 60)
    async with opening(["emotion"]) as deaf:
        events = await turn(agent(deaf), UserInput(audio=audio))
        assert not any(busy(deaf).values())
    (failed,) = of(TurnFailed, events)
    assert events[-1] is failed
    assert "'voice' is not available" in str(failed.error)


async def test_words_are_answered_when_the_speech_beside_them_cannot_be_heard(
    opening: Open, samples: Path
):
    given = UserInput("Hello", audio=read_audio(samples / "sad_news.wav", 60))
    async with opening(["llm"]) as deaf:
        events = await turn(agent(deaf, max_sentences=1), given)
    assert "voice" in {failure.part for failure in of(PartFailed, events)}
    assert isinstance(events[-1], TurnDone)
    assert events[-1].reply


async def test_without_a_language_model_the_turn_fails(opening: Open):
    async with opening(["emotion"]) as dumb:
        events = await turn(agent(dumb), UserInput("Hello"))
    assert of(Felt, events)
    assert isinstance(events[-1], TurnFailed)
    assert "module 'llm' is not available" in str(events[-1].error)


async def test_a_missing_model_is_named_with_the_command_that_fetches_it(tmp_path: Path):
    empty = load_settings(
        overrides={"models": {"root": tmp_path}, "memory": {"path": tmp_path / "memory.db"}}
    )
    async with open_runtime(empty, ["llm", "emotion"]) as running:
        events = await turn(agent(running, recall=0, recent_turns=0), UserInput("Hello"))
    failed = events[-1]
    assert isinstance(failed, TurnFailed)
    assert "xy-core models pull smollm2-135m-instruct" in str(failed.error)
    assert failed.error.exit_code == 2


async def test_all_steps_of_a_turn_are_as_old_as_the_turn(monkeypatch: pytest.MonkeyPatch):
    found: list[float | None] = []

    async def form(_turn: Turn) -> str:
        await asyncio.sleep(0)
        found.append(await asyncio.create_task(_arrival()))
        return "Hello."

    async def finish(_turn: Turn, _reply: str) -> None:
        found.append(arrived.get())

    monkeypatch.setattr(Turn, "_form", form)
    monkeypatch.setattr(Turn, "_finish", finish)
    begun = asyncio.get_running_loop().time()
    unused: Any = None
    made = Turn(unused, AgentConfig(), UserInput("Hi"), unused, unused, tools=unused)
    await made.answer()
    first, second = found
    assert first == second
    assert first is not None
    assert begun <= first <= asyncio.get_running_loop().time()
    assert arrived.get() is None


async def _arrival() -> float | None:
    return arrived.get()
