"""``/v1/emotion``: what a text shows."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from xy_core.modules.emotion import EmotionService
from xy_core.server.dependencies import Priority, RuntimeOf
from xy_core.server.json_body import JsonRoute

router = APIRouter(prefix="/v1/emotion", tags=["agent"], route_class=JsonRoute)


class EmotionRequest(BaseModel):
    """A text in English, Chinese or both."""

    text: str = Field(max_length=100_000)


class Reading(BaseModel):
    """What the text shows."""

    top: str
    unsure: bool
    intensity: float
    certainty: float
    valence: float
    arousal: float
    probabilities: dict[str, float]
    presence: dict[str, float]
    named: list[str]


@router.post("", response_model=Reading)
async def read_emotion(body: EmotionRequest, runtime: RuntimeOf, priority: Priority) -> object:
    """Read the emotion of a text; nothing is remembered."""
    emotion = runtime.engine.module(EmotionService)
    return (await emotion.read_text(body.text, priority=priority)).as_json()
