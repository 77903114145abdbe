"""Realtime sessions with a bare model: its words and its voice, no mood and no memory."""

from __future__ import annotations

import json

import openai
import pytest

from tests.server.realtime.test_conversation import RATE, of, pcm, say, until
from tests.server.realtime.test_functions import ask, session
from xy_core.modules.memory import MemoryService
from xy_core.modules.voice import read_audio
from xy_core.runtime import Runtime

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]

MODEL = "smollm2-135m-instruct"


async def test_speech_is_heard_and_answered_aloud(client: openai.AsyncOpenAI, samples):
    sound = pcm(read_audio(samples / "sad_news.wav", 60)) + bytes(2 * RATE)
    async with client.realtime.connect(model=MODEL) as connection:
        assert (await connection.recv()).session.model == MODEL
        await say(connection, sound)
        events = await until(connection, "response.done")
    (heard,) = of("conversation.item.input_audio_transcription.completed", events)
    assert "grandmother" in heard.transcript
    assert of("response.output_audio.delta", events)
    assert events[-1].response.status == "completed"
    assert events[-1].response.output[0].content[0].transcript


async def test_it_answers_in_writing_and_nobody_remembers_it(
    client: openai.AsyncOpenAI, runtime: Runtime
):
    told = {"instructions": "Answer in one sentence.", "tools": []}
    query = {"person": "bare"}
    async with client.realtime.connect(model=MODEL, extra_query=query) as connection:
        await connection.session.update(session=session(**told))
        await until(connection, "session.updated")
        for words in ("My name is Lin.", "What is my name?"):
            await ask(connection, words)
            await connection.response.create()
            events = await until(connection, "response.done")
            assert events[-1].response.output[0].content[0].text
    assert await runtime.engine.module(MemoryService).recent("bare", 5) == []


async def test_it_calls_functions_and_goes_on(client: openai.AsyncOpenAI):
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.session.update(session=session(tool_choice="required"))
        await until(connection, "session.updated")
        await ask(connection, "Please switch the light on.")
        await connection.response.create()
        (call,) = (await until(connection, "response.done"))[-1].response.output
        assert json.loads(call.arguments).keys() == {"on"}
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "done"}
        await connection.conversation.item.create(item=output)
        await connection.response.create(response={"tool_choice": "none"})
        events = await until(connection, "response.done")
    assert events[-1].response.output[0].type == "message"


async def test_a_model_that_does_not_write_is_refused(client: openai.AsyncOpenAI):
    with pytest.raises(Exception, match=r"40[04]"):
        async with client.realtime.connect(model="no-such-model"):
            pass
