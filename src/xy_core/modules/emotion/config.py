"""Settings of the emotion module."""

from __future__ import annotations

from pydantic import Field

from xy_core.core.config import StrictModel


class EmotionConfig(StrictModel):
    """How emotions are read, and how fast a mood moves."""

    unsure_below: float = Field(
        0.4, ge=0, le=1, description="A reading whose likeliest emotion is less likely is unsure."
    )
    max_characters: int = Field(
        2_000, ge=1, le=100_000, description="Of a longer text only the beginning is read."
    )
    mood_half_life: float = Field(
        600.0, gt=0, description="Seconds of silence after which half of a mood is gone."
    )
    mood_pull: float = Field(
        0.7, ge=0, le=1, description="How far a reading without doubt moves the mood."
    )
    max_people: int = Field(
        10_000, ge=1, description="Moods that are kept; the longest unused are forgotten first."
    )
