"""The official client against a real server: what it sends is understood, and it reads answers."""

from __future__ import annotations

import base64
import io

import openai
import pytest
import soundfile

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]
CHAT = "smollm2-135m-instruct"
HELLO = [{"role": "user", "content": "Say hello."}]


async def test_models_are_listed_and_described(client):
    does = {model.id: set(model.capabilities) async for model in client.models.list()}
    assert next(iter(does)) == "xy-agent"
    agent = {"chat", "speech", "transcription", "image_input", "audio_input"}
    assert does["xy-agent"] == agent
    assert does[CHAT] == {"chat", "tools", "json_schema"}
    assert does["gemma3-270m-base"] == {"chat"}
    assert does["whisper-base-ct2"] == {"transcription"}
    assert does["piper-en-joe"] == {"speech"}
    assert (await client.models.retrieve(CHAT)).owned_by == "xy-core"
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-9'"):
        await client.models.retrieve("gpt-9")


@pytest.mark.parametrize("model", [CHAT, "xy-agent"])
async def test_a_chat_is_answered_whole_and_in_pieces(client, model):
    whole = await client.chat.completions.create(model=model, messages=HELLO)
    assert whole.choices[0].message.content.strip()
    assert whole.choices[0].finish_reason in {"stop", "length"}
    stream = await client.chat.completions.create(model=model, messages=HELLO, stream=True)
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).strip()
    assert [bool(chunk.choices[0].finish_reason) for chunk in chunks[-2:]] == [False, True]


async def test_a_reply_ends_at_its_limit_and_before_a_stop(client):
    story = [{"role": "user", "content": "Tell me a long story."}]
    short = await client.chat.completions.create(model=CHAT, messages=story, max_tokens=3)
    assert short.choices[0].finish_reason == "length"
    stopped = await client.chat.completions.create(model=CHAT, messages=story, stop=" a ")
    assert stopped.choices[0].finish_reason == "stop"
    assert " a " not in stopped.choices[0].message.content


async def test_the_agent_sees_a_picture_and_hears_a_recording(client, samples):
    picture = base64.b64encode((samples / "sign.png").read_bytes()).decode()
    speech = base64.b64encode((samples / "sad_news.wav").read_bytes()).decode()
    content = [
        {"type": "text", "text": "What does it say?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
        {"type": "input_audio", "input_audio": {"data": speech, "format": "wav"}},
    ]
    messages = [{"role": "user", "content": content}]
    reply = await client.chat.completions.create(model="xy-agent", messages=messages)
    assert reply.choices[0].message.content
    with pytest.raises(openai.BadRequestError, match="takes no pictures"):
        await client.chat.completions.create(model=CHAT, messages=messages)


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"n": 2}, "n"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}] * 129}, "tools"),
    ],
)
async def test_what_the_engine_cannot_do_is_refused_by_name(client, extra, param):
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model=CHAT, messages=HELLO, **extra)
    assert refused.value.param == param


async def test_what_is_said_is_heard_again(client):
    words = "The weather is very nice today."
    async with client.audio.speech.with_streaming_response.create(
        model="piper-en-joe", voice="alloy", input=words, response_format="wav"
    ) as speech:
        assert speech.headers["content-type"] == "audio/wav"
        sound = b"".join([piece async for piece in speech.iter_bytes()])
    heard = await client.audio.transcriptions.create(
        model="whisper-base-ct2", file=("speech.wav", sound), language="en"
    )
    assert "weather" in heard.text.lower()
    full = await client.audio.transcriptions.create(
        model="whisper-base-ct2", file=("a.wav", sound), response_format="verbose_json"
    )
    assert full.segments
    assert full.duration > 1


@pytest.mark.parametrize(("kind", "name"), [("mp3", "MP3"), ("flac", "FLAC"), ("opus", "OGG")])
async def test_speech_comes_in_the_usual_formats(client, kind, name):
    made = await client.audio.speech.create(
        model="piper-en-joe",
        voice="alloy",
        input="Hello.",
        response_format=kind,
        instructions="Speak with joy",
    )
    with soundfile.SoundFile(io.BytesIO(made.content)) as sound:
        assert sound.format == name
        assert sound.frames > 0
