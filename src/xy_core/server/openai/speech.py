"""``/v1/audio/speech``."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Literal

import numpy as np
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, JsonValue

from xy_core.agent import voice_in
from xy_core.agent.language import language_of
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.emotion import Emotion
from xy_core.modules.voice import Audio, VoiceService, VoiceStyle, split_sentences
from xy_core.modules.voice.libraries import library
from xy_core.runtime import Runtime
from xy_core.server.dependencies import ConfigOf, Priority, RuntimeOf
from xy_core.server.json_body import JsonRoute
from xy_core.server.media import pcm16
from xy_core.server.openai.catalogue import AGENT, Card, find

router = APIRouter(prefix="/v1/audio", tags=["openai"], route_class=JsonRoute)

_RATE = 24_000
"""Of OpenAI's ``pcm``, in hertz."""
_TYPES = {
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
}
_FILES = {"flac": ("FLAC", "PCM_16"), "mp3": ("MP3", None), "opus": ("OGG", "OPUS")}
"""What libsndfile calls the formats that come whole."""
_ENDLESS = 0xFFFFFFFF
"""The size in a WAV header whose end is not known yet."""


class SpeechRequest(BaseModel):
    """The body of ``/v1/audio/speech``."""

    model: str = Field(min_length=1, max_length=256)
    input: str = Field(min_length=1, max_length=4_096)
    voice: JsonValue = Field(None, description="Taken and ignored: a model has one voice.")
    instructions: str | None = Field(
        None, max_length=4_096, description="An emotion, by its name: joy, sadness, anger, …"
    )
    emotion: Emotion | None = Field(None, description="An extension: how it should sound.")
    response_format: Literal["mp3", "opus", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(1.0, ge=0.25, le=4.0, description="Kept within 0.5 to 2.")


@router.post(
    "/speech",
    response_class=StreamingResponse,
    responses={200: {"content": {kind: {} for kind in _TYPES.values()}}},
)
async def create_speech(
    body: SpeechRequest, runtime: RuntimeOf, config: ConfigOf, priority: Priority
) -> StreamingResponse:
    """Say a text; sound comes as it is made (``wav``, ``pcm``) or whole (the others)."""
    card = find(runtime, config.aliases, body.model, "speech")
    pieces = _spoken(runtime, card, body, priority)
    first = [piece async for piece in _first(pieces)]
    sound = _sound(first, pieces, runtime, body.response_format)
    return StreamingResponse(sound, media_type=_TYPES[body.response_format])


async def _first(pieces: AsyncGenerator[Audio, None]) -> AsyncGenerator[Audio, None]:
    """Wait for the first piece, so that an error before it has a status."""
    try:
        yield await anext(pieces)
    except StopAsyncIteration:
        return


async def _spoken(
    runtime: Runtime, card: Card, body: SpeechRequest, priority: TaskPriority
) -> AsyncGenerator[Audio, None]:
    voice = runtime.engine.module(VoiceService)
    style = _style(body)
    for sentence in split_sentences(body.input):
        language = language_of(sentence, "en") if card.id == AGENT else card.language
        async with voice.speak(
            sentence, language=language, style=style, priority=priority
        ) as chunks:
            async for audio in chunks:
                yield audio


def _style(body: SpeechRequest) -> VoiceStyle:
    """Return how to say it: the manner of the emotion that is named, at the given speed."""
    emotion = body.emotion or _named(body.instructions or "")
    manner = voice_in(emotion)
    rate = min(2.0, max(0.5, manner.rate * body.speed))
    return VoiceStyle(rate, manner.pitch, manner.energy, manner.emotion)


def _named(instructions: str) -> Emotion:
    words = instructions.lower()
    return next((emotion for emotion in Emotion if emotion.value in words), Emotion.NEUTRAL)


async def _sound(
    first: Sequence[Audio], rest: AsyncGenerator[Audio, None], runtime: Runtime, kind: str
) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        if kind in _FILES:
            pieces = [*first, *[piece async for piece in rest]]
            yield await runtime.engine.scheduler.run(
                _file, pieces, kind, name="server.encode", task_type=TaskType.CPU_BOUND
            )
            return
        rate = first[0].rate if first and kind == "wav" else _RATE
        if kind == "wav":
            yield _wav_header(rate)
        for piece in first:
            yield pcm16(piece.resampled(rate))
        async for piece in rest:
            yield pcm16(piece.resampled(rate))


def _wav_header(rate: int) -> bytes:
    """Return the header of 16-bit mono whose length is not known, as programs stream it."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    riff = struct.pack("<4sI4s", b"RIFF", _ENDLESS, b"WAVE")
    return riff + form + struct.pack("<4sI", b"data", _ENDLESS)


def _file(pieces: Sequence[Audio], kind: str) -> bytes:
    audio = Audio.concat(pieces) if pieces else Audio.silence(0.1, _RATE)
    samples = np.clip(audio.resampled(_RATE).samples, -1, 1)
    container, coding = _FILES[kind]
    buffer = io.BytesIO()
    library("soundfile").write(buffer, samples, _RATE, format=container, subtype=coding)
    return buffer.getvalue()
