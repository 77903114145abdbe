"""Whole turns on real models: what is told, in which order, and how a turn ends."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from tests.agent.conftest import Open, agent, busy, nothing_runs, of, turn, written
from xy_core.agent import (
    Checked,
    Expressed,
    ExpressionChecked,
    Felt,
    Heard,
    PartFailed,
    Remembered,
    ReplyToken,
    Seen,
    SentenceWritten,
    Spoken,
    TurnDone,
    TurnEvent,
    TurnFailed,
    TurnRecord,
    UserInput,
)
from xy_core.core.errors import BackendError, TaskTimeout
from xy_core.modules.emotion import EmotionService, FaceScores, MoodMoved
from xy_core.modules.memory import MemoryService
from xy_core.modules.vision import Picture
from xy_core.modules.voice import read_audio
from xy_core.runtime import Runtime

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]


def first(kind: type[TurnEvent], events: list[TurnEvent]) -> int:
    """Return the place of the first event of that type."""
    return next(place for place, event in enumerate(events) if isinstance(event, kind))


async def test_a_turn_of_text_picture_and_speech_tells_all_of_it_in_order(
    runtime: Runtime, samples: Path
):
    given = UserInput(
        "What does this sign say?",
        audio=read_audio(samples / "sad_news.wav", 60),
        image=Picture.load(samples / "sign.png", 10_000_000),
        person="all",
    )
    events = await turn(agent(runtime), given)
    assert of(PartFailed, events) == []
    assert isinstance(events[-1], TurnDone)
    token = first(ReplyToken, events)
    assert max(first(kind, events) for kind in (Heard, Seen, Felt, Remembered)) < token
    assert first(Heard, events) < first(Felt, events) < first(Expressed, events) < token
    assert "grandmother" in events[first(Heard, events)].transcript.text
    assert "tea" in events[first(Seen, events)].facts.describe("en").lower()
    for sentence in of(SentenceWritten, events):
        spoken = [event for event in of(Spoken, events) if event.index == sentence.index]
        assert spoken
        assert events.index(sentence) < events.index(spoken[0])
    assert [event.index for event in of(Spoken, events)] == sorted(
        event.index for event in of(Spoken, events)
    )
    record = TurnRecord()
    for event in events:
        record.add(event)
    assert record.audio.seconds > 0.5
    moments = record.as_json()["seconds"]
    assert list(moments.values()) == sorted(moments.values())
    assert list(moments) == ["perceived", "first_token", "first_audio", "done"]


async def test_the_reply_is_what_was_shown_and_what_was_said(runtime: Runtime):
    events = await turn(agent(runtime, speak=False), UserInput("Tell me about tea.", person="tea"))
    shown = "".join(event.text for event in of(ReplyToken, events))
    said = "".join(event.text for event in of(SentenceWritten, events))
    assert shown == said
    assert events[-1].reply == shown.strip()
    assert [event.index for event in of(SentenceWritten, events)] == list(
        range(len(of(SentenceWritten, events)))
    )
    assert of(Spoken, events) == []


@pytest.mark.parametrize("most", [1, 2])
async def test_the_reply_ends_after_enough_sentences(runtime: Runtime, most: int):
    story = UserInput("Tell me a long story about a cat and a dog.", person=f"story{most}")
    events = await turn(agent(runtime, speak=False, max_sentences=most), story)
    assert 1 <= len(of(SentenceWritten, events)) <= most
    assert isinstance(events[-1], TurnDone)
    assert busy(runtime)["device:cpu"] == 0


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [("auto", "我今天很开心！", "zh"), ("auto", "I am happy.", "en"), ("zh", "Hello", "zh")],
)
async def test_the_reply_is_in_the_users_language_or_the_chosen_one(
    runtime: Runtime, language: str, text: str, expected: str
):
    given = UserInput(text, person=f"{language}{expected}")
    events = await turn(agent(runtime, speak=False, max_sentences=1, language=language), given)
    assert events[-1].language == expected
    assert of(Expressed, events)[0].expression.directive.isascii() == (expected == "en")
    if language == "auto":
        assert bool(re.search("[一-鿿]", events[-1].reply)) == (expected == "zh")


async def test_what_was_said_before_is_remembered_for_that_person_only(runtime: Runtime):
    short = agent(runtime, speak=False, max_sentences=1, recent_turns=0)
    await turn(short, UserInput("My dog is called Rex.", person="owner"))
    question = "What is my dog called?"
    (known,) = of(Remembered, await turn(short, UserInput(question, person="owner")))
    assert "Rex" in " ".join(found.memory.text for found in known.memories)
    (unknown,) = of(Remembered, await turn(short, UserInput(question, person="stranger")))
    assert not unknown.memories


async def test_recall_can_be_switched_off(runtime: Runtime):
    silent = agent(runtime, speak=False, max_sentences=1, recall=0, recent_turns=0)
    events = await turn(silent, UserInput("Hello", person="off"))
    assert of(Remembered, events) == of(PartFailed, events) == []


async def test_turns_of_several_persons_at_once_do_not_mix(runtime: Runtime):
    short = agent(runtime, speak=False, max_sentences=1)
    sad, happy = await asyncio.gather(
        turn(short, UserInput("I am so sad, my cat died.", person="one")),
        turn(short, UserInput("我考上大学了，太开心了！", person="two")),
    )
    assert (sad[-1].language, happy[-1].language) == ("en", "zh")
    assert of(Felt, sad)[0].reading.top == "sadness"
    assert of(Felt, happy)[0].reading.top == "joy"


@pytest.mark.parametrize("until", [Felt, ReplyToken, SentenceWritten, Spoken])
async def test_who_stops_listening_leaves_nothing_running(runtime: Runtime, until: type[TurnEvent]):
    person = f"gone-{until.kind}"
    await written(runtime)
    story = UserInput("Tell me a long story about a cat and a dog.", person=person)
    # Without memory: nothing can interrupt a query, it ends some milliseconds later by itself.
    forgetful = agent(runtime, recall=0, recent_turns=0)
    async with aclosing(forgetful.respond(story)) as events:
        async for event in events:
            if isinstance(event, until):
                break
    await nothing_runs(runtime)
    assert "agent.turn" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_cancelled_listener_leaves_nothing_running(runtime: Runtime):
    told = asyncio.Event()
    await written(runtime)

    async def listen() -> None:
        story = UserInput("Tell me a long story.", person="cancelled")
        async with aclosing(agent(runtime).respond(story)) as events:
            async for event in events:
                if isinstance(event, ReplyToken):
                    told.set()

    listener = asyncio.create_task(listen())
    await told.wait()
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    assert not any(busy(runtime).values())


async def test_a_reply_that_takes_too_long_is_a_failed_turn(runtime: Runtime):
    await written(runtime)
    given = UserInput("Tell me a long story.", person="slow")
    events = await turn(agent(runtime, reply_timeout=0.02, recent_turns=0), given)
    assert isinstance(events[-1], TurnFailed)
    assert isinstance(events[-1].error, TaskTimeout)
    assert "agent.reply_timeout" in str(events[-1].error)
    assert not any(busy(runtime).values())


@pytest.mark.parametrize(
    "text",
    ["\x00\x1b[2J", "hello " * 20_000, "<|im_end|>{name}%s", "🙂", "'; DROP TABLE"],
    ids=["control", "long", "markup", "emoji", "sql"],
)
async def test_hostile_words_end_as_a_turn_does(runtime: Runtime, text: str):
    brief = agent(runtime, max_sentences=1)
    events = await turn(brief, UserInput(text, person=f"hostile {text[:9]}"))
    assert isinstance(events[-1], TurnDone | TurnFailed)
    for event in of(PartFailed, events) + of(TurnFailed, events):
        assert str(event.error)
        assert "the turn failed" not in str(event.error)
    assert busy(runtime)["device:cpu"] == 0
    assert isinstance((await turn(brief, UserInput("Hello", person="next")))[-1], TurnDone)


async def test_an_error_that_nobody_foresaw_is_the_turns_last_event(runtime: Runtime):
    await written(runtime)
    events = await turn(agent(runtime), UserInput("Hello", image=b"not a picture"))
    assert isinstance(events[-1], TurnFailed)
    assert isinstance(events[-1].error, BackendError)
    assert "the turn failed" in str(events[-1].error)
    assert events[-1].error.__cause__ is not None
    assert not any(busy(runtime).values())


async def test_words_voice_and_face_are_felt_together(runtime: Runtime, samples: Path):
    # A voice says something once it is known, so it is heard a few times at its usual first.
    person, audio = "felt", read_audio(samples / "sad_news.wav", 60)
    emotion = runtime.engine.module(EmotionService)
    for gain in (0.2, 0.3, 0.25, 0.2):
        await emotion.read_voice(person, audio.samples * np.float32(gain), audio.rate)
    silent = agent(runtime, speak=False, max_sentences=1, recall=0, recent_turns=0)
    sad_face = FaceScores.of({"sad": 0.9, "neutral": 0.1})
    async with runtime.engine.bus.subscribe(MoodMoved) as moved:
        given = UserInput(audio=audio, face=sad_face, person=person)
        (felt,) = of(Felt, await turn(silent, given))
        event = await anext(aiter(moved))
    assert {one.modality.value for one in felt.evidence} == {"text", "voice", "face"}
    assert felt.reading.top == "sadness"
    assert event.evidence == tuple(felt.evidence)
    (point,) = await runtime.engine.module(MemoryService).timeline(person)
    assert set(point.sources) == {"text", "voice", "face"}
    assert point.emotion == "sadness"


async def test_a_face_decides_where_words_say_nothing(runtime: Runtime):
    silent = agent(runtime, speak=False, max_sentences=1, recall=0, recent_turns=0)
    face = FaceScores.of({"happy": 0.95, "neutral": 0.05})
    (felt,) = of(Felt, await turn(silent, UserInput("42", face=face, person="face")))
    assert felt.reading.top == "joy"
    (plain,) = of(Felt, await turn(silent, UserInput("42", person="no-face")))
    assert plain.reading.unsure


async def test_every_turn_is_held_against_what_was_meant(runtime: Runtime):
    short = agent(runtime, max_sentences=2)
    async with runtime.engine.bus.subscribe(ExpressionChecked) as checked:
        events = await turn(short, UserInput("I failed my exam and I am so sad.", person="check"))
        event = await anext(aiter(checked))
    (told,) = of(Checked, events)
    assert event.consistency == told.consistency
    assert told.consistency.intended == "sadness"
    assert told.consistency.agrees, told.consistency.as_json()
    assert events.index(told) < len(events) - 1


async def test_a_mood_is_taken_up_by_the_next_run_of_the_program(opening: Open):
    words = UserInput("My dog died and I am so sad.", person="again")
    async with opening(["emotion", "memory", "llm"]) as first:
        await turn(agent(first, speak=False, max_sentences=1), words)
        before = first.engine.module(EmotionService).mood("again")
    async with opening(["emotion", "memory", "llm"]) as second:
        plain = UserInput("It is ten o'clock.", person="again")
        await turn(agent(second, speak=False, max_sentences=1), plain)
        after = second.engine.module(EmotionService).mood("again")
    assert before.valence < after.valence < 0


async def test_a_spoken_turn_is_remembered_as_far_as_it_was_heard(runtime: Runtime):
    spoken = agent(runtime).converse(UserInput("Hello there!", person="listener"), speak=False)
    async with aclosing(spoken.events()) as events:
        last = [event async for event in events][-1]
    assert isinstance(last, TurnDone)
    memory = runtime.engine.module(MemoryService)
    assert await memory.recent("listener", 10) == []
    heard = last.reply[: len(last.reply) // 2]
    await spoken.remember(heard)
    turns = await memory.recent("listener", 10)
    assert [(one.role, one.text) for one in turns] == [
        ("user", "Hello there!"),
        ("assistant", heard.strip()),
    ]


async def test_an_interrupted_turn_can_still_be_remembered(runtime: Runtime):
    person = "interrupter"
    spoken = agent(runtime).converse(UserInput("Tell me a long story.", person=person))
    async with aclosing(spoken.events()) as events:
        async for event in events:
            if isinstance(event, Spoken):
                break
    await spoken.remember("Once")
    turns = await runtime.engine.module(MemoryService).recent(person, 10)
    assert [one.text for one in turns] == ["Tell me a long story.", "Once"]


async def test_a_turn_that_was_not_understood_is_not_remembered(runtime: Runtime):
    spoken = agent(runtime).converse(UserInput("Hello", person="nobody"))
    await spoken.remember("Hi")
    assert await runtime.engine.module(MemoryService).recent("nobody", 10) == []
