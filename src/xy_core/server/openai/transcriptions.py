"""``/v1/audio/transcriptions``."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Response, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from xy_core.modules.voice import Transcript, VoiceService
from xy_core.server.dependencies import ConfigOf, Priority, RuntimeOf
from xy_core.server.media import decode_audio
from xy_core.server.openai.catalogue import find

router = APIRouter(prefix="/v1/audio", tags=["openai"])


class Segment(BaseModel):
    """One phrase that was heard; times in seconds."""

    id: int
    start: float
    end: float
    text: str
    confidence: float


class Transcription(BaseModel):
    """What was said; the rest only in ``verbose_json``."""

    text: str
    language: str | None = None
    duration: float | None = None
    segments: list[Segment] | None = None


@router.post(
    "/transcriptions",
    response_model=Transcription,
    response_model_exclude_none=True,
    responses={200: {"content": {"text/plain": {}}}},
)
async def create_transcription(  # noqa: PLR0917 - a form's fields
    runtime: RuntimeOf,
    config: ConfigOf,
    priority: Priority,
    file: Annotated[UploadFile, File(description="WAV, FLAC, OGG or MP3.")],
    model: Annotated[str, Form(min_length=1, max_length=256)],
    language: Annotated[str | None, Form(pattern=r"^([a-z]{2})?$")] = None,
    response_format: Annotated[Literal["json", "text", "verbose_json"], Form()] = "json",
) -> Response:
    """Write down what is said in a recording."""
    find(runtime, config.aliases, model, "transcription")
    audio = await decode_audio(await file.read(), runtime)
    voice = runtime.engine.module(VoiceService)
    heard = await voice.transcribe(audio, language=language or None, priority=priority)
    if response_format == "text":
        return PlainTextResponse(heard.text)
    if response_format == "json":
        return JSONResponse({"text": heard.text})
    return JSONResponse(_verbose(heard, audio.seconds))


def _verbose(heard: Transcript, seconds: float) -> dict[str, object]:
    segments = [
        {
            "id": number,
            "start": segment.start,
            "end": segment.end,
            "text": segment.text,
            "confidence": round(segment.confidence, 4),
        }
        for number, segment in enumerate(heard.segments)
    ]
    return {
        "text": heard.text,
        "language": heard.language,
        "duration": round(seconds, 3),
        "segments": segments,
    }
