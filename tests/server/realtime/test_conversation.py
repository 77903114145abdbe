"""Spoken conversations with the official client, real models and a real server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from xy_core.modules.memory import MemoryService
from xy_core.modules.voice import Audio, read_audio
from xy_core.runtime import Runtime

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]

RATE = 24_000
Connection = Any


def pcm(audio: Audio) -> bytes:
    return (audio.resampled(RATE).samples * 32_767).astype("<i2").tobytes()


@pytest.fixture(scope="module")
def sad_news(samples: Path) -> bytes:
    """A spoken sentence and a second of silence, which ends the turn."""
    return pcm(read_audio(samples / "sad_news.wav", 60)) + bytes(2 * RATE)


@asynccontextmanager
async def talking(client: openai.AsyncOpenAI, person: str) -> AsyncIterator[Connection]:
    query = {"person": person}
    async with client.realtime.connect(model="xy-agent", extra_query=query) as connection:
        assert (await connection.recv()).type == "session.created"
        yield connection


async def say(connection: Connection, sound: bytes, piece: int = 4_800) -> None:
    for start in range(0, len(sound), piece):
        audio = base64.b64encode(sound[start : start + piece]).decode()
        await connection.input_audio_buffer.append(audio=audio)


async def until(connection: Connection, kind: str) -> list[Any]:
    events = []
    async with asyncio.timeout(60):
        while not events or events[-1].type != kind:
            events.append(await connection.recv())
            assert events[-1].type != "error", events[-1]
    return events


def of(kind: str, events: list[Any]) -> list[Any]:
    return [event for event in events if event.type == kind]


async def test_a_spoken_sentence_is_heard_and_answered_aloud(
    client: openai.AsyncOpenAI, sad_news: bytes, runtime: Runtime
):
    async with talking(client, "speaker") as connection:
        await say(connection, sad_news)
        events = await until(connection, "response.done")
    kinds = [event.type for event in events]
    first = {kind: kinds.index(kind) for kind in kinds}
    order = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "response.created",
        "conversation.item.input_audio_transcription.completed",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.output_item.done",
        "response.done",
    ]
    assert sorted(order, key=first.__getitem__) == order
    (heard,) = of("conversation.item.input_audio_transcription.completed", events)
    assert "grandmother" in heard.transcript
    done = events[-1].response
    assert done.status == "completed"
    spoken = b"".join(
        base64.b64decode(event.delta) for event in of("response.output_audio.delta", events)
    )
    assert len(spoken) > RATE
    assert np.abs(np.frombuffer(spoken, "<i2")).max() > 1_000
    turns = await runtime.engine.module(MemoryService).recent("speaker", 5)
    assert [one.role for one in turns] == ["user", "assistant"]
    assert turns[1].text == done.output[0].content[0].transcript


async def test_text_in_and_text_out(client: openai.AsyncOpenAI):
    async with talking(client, "writer") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        assert (await connection.recv()).session.output_modalities == ["text"]
        content = [{"type": "input_text", "text": "I passed my exam today!"}]
        item = {"type": "message", "role": "user", "content": content}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        events = await until(connection, "response.done")
    written = "".join(event.delta for event in of("response.output_text.delta", events))
    assert written.strip() == events[-1].response.output[0].content[0].text
    assert not of("response.output_audio.delta", events)


async def test_who_speaks_in_between_stops_the_reply_which_counts_as_far_as_it_was_heard(
    client: openai.AsyncOpenAI, sad_news: bytes, runtime: Runtime
):
    async with talking(client, "interrupter") as connection:
        await say(connection, sad_news)
        await until(connection, "response.output_audio.delta")
        await say(connection, sad_news[: RATE * 3])
        events = await until(connection, "response.done")
        kinds = [event.type for event in events]
        started = kinds.index("input_audio_buffer.speech_started")
        assert "response.output_audio.delta" not in kinds[started:]
        assert events[-1].response.status == "cancelled"
        assert events[-1].response.status_details.reason == "turn_detected"
        item = events[-1].response.output[0]
        lanes = runtime.engine.scheduler.statistics()
        assert lanes["device:cpu"].running == 0
        await connection.conversation.item.truncate(
            item_id=item.id, content_index=0, audio_end_ms=0
        )
        await until(connection, "conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=item.id)
        (kept,) = of("conversation.item.retrieved", [await connection.recv()])
        assert not kept.item.content[0].transcript
    turns = await runtime.engine.module(MemoryService).recent("interrupter", 5)
    assert [one.role for one in turns] == ["user"]


async def test_a_reply_is_cancelled_on_demand(client: openai.AsyncOpenAI, runtime: Runtime):
    async with talking(client, "canceller") as connection:
        content = [{"type": "input_text", "text": "Tell me a long story."}]
        item = {"type": "message", "role": "user", "content": content}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        await until(connection, "response.output_audio_transcript.delta")
        await connection.response.cancel()
        done = (await until(connection, "response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        assert runtime.engine.scheduler.statistics()["device:cpu"].running == 0


async def test_sound_is_committed_by_hand_without_detection(
    client: openai.AsyncOpenAI, sad_news: bytes
):
    async with talking(client, "manual") as connection:
        audio = {"input": {"turn_detection": None}}
        await connection.session.update(session={"type": "realtime", "audio": audio})
        await until(connection, "session.updated")
        await say(connection, sad_news, 48_000)
        await connection.input_audio_buffer.commit()
        await until(connection, "conversation.item.done")
        await connection.response.create()
        events = await until(connection, "response.done")
    (heard,) = of("conversation.item.input_audio_transcription.completed", events)
    assert "grandmother" in heard.transcript


async def test_what_the_agent_feels_is_told_on_demand(client: openai.AsyncOpenAI):
    async with talking(client, "feeler") as connection:
        settings = {"type": "realtime", "output_modalities": ["text"], "turn_events": True}
        await connection.session.update(session=settings)
        content = [{"type": "input_text", "text": "My dog died."}]
        item = {"type": "message", "role": "user", "content": content}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        told = of("xy.turn", await until(connection, "response.done"))
    (emotion,) = (event for event in told if event.event == "emotion")
    assert emotion.body["top"] == "sadness"
