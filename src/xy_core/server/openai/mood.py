"""In which mood a picture is painted."""

from __future__ import annotations

from xy_core.agent import express, express_fully
from xy_core.core.errors import ModuleError
from xy_core.modules.emotion import EmotionReading, EmotionService
from xy_core.runtime import Runtime
from xy_core.server.openai.catalogue import AGENT, Card
from xy_core.server.openai.images_types import Painting

_USER = "user"


def in_mood(body: Painting, card: Card, runtime: Runtime) -> str:
    """Return the prompt with the words of a mood: that which is named, else the agent's.

    The agent paints in the mood that it shows to `user`; a bare model in none.
    """
    if body.emotion is not None:
        return express_fully(body.emotion).image_prompt(body.prompt)
    if card.id != AGENT:
        return body.prompt
    try:
        mood = runtime.engine.module(EmotionService).mood(body.user or _USER)
    except ModuleError:
        return body.prompt
    return express(EmotionReading.nothing(), "en", mood).image_prompt(body.prompt)
