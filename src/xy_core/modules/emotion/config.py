"""Settings of the emotion module."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from xy_core.core.config import StrictModel
from xy_core.modules.emotion.fusion import Modality
from xy_core.modules.emotion.types import Emotion

HALF_LIVES: dict[Emotion, float] = {
    Emotion.JOY: 900.0,
    Emotion.SADNESS: 1_200.0,
    Emotion.ANGER: 450.0,
    Emotion.FEAR: 300.0,
    Emotion.SURPRISE: 300.0,
    Emotion.DISGUST: 300.0,
    Emotion.NEUTRAL: 600.0,
}
"""Seconds. Their order and rough spacing follow how long people's emotions last: sadness 120 h,
joy 35 h, anger and surprise 2 h, fear 0.7 h, disgust 0.5 h (Verduyn & Lavrijsen 2015, "Which
emotions last longest and why", Motivation and Emotion 39, 119-127), compressed to the length of a
conversation: one step of the logarithm of hours, roughly, is one of minutes. Surprise is what
follows an unexpected sentence, and as short as fear."""


class PersonalityConfig(StrictModel):
    """The temperament to which moods return; all 0 is neutral."""

    extraversion: float = Field(0.0, ge=-1, le=1, description="Sociable, lively.")
    agreeableness: float = Field(0.0, ge=-1, le=1, description="Trusting, kind.")
    stability: float = Field(0.0, ge=-1, le=1, description="The opposite of neuroticism.")
    openness: float = Field(0.0, ge=-1, le=1, description="Curious.")


class SpeechEmotionConfig(StrictModel):
    """How emotions are read from a voice."""

    prosody: bool = Field(default=True, description="Whether pitch, loudness and pace are read.")
    model: str | None = Field(
        None, description="Catalogue id of a SenseVoice model that is heard as well; none: none."
    )
    threads: int = Field(1, ge=1, description="Threads of one engine.")
    max_seconds: float = Field(
        30.0, gt=0, description="Of a longer recording only the end is heard."
    )
    max_speakers: int = Field(
        10_000, ge=1, description="Voices that are known; the longest unused are forgotten first."
    )


class EmotionConfig(StrictModel):
    """How emotions are read, and how fast a mood moves."""

    unsure_below: float = Field(
        0.4, ge=0, le=1, description="A reading whose likeliest emotion is less likely is unsure."
    )
    max_characters: int = Field(
        2_000, ge=1, le=100_000, description="Of a longer text only the beginning is read."
    )
    trust: dict[Modality, float] = Field(
        {Modality.TEXT: 1.0, Modality.VOICE: 0.6, Modality.FACE: 0.8},
        description="How much each modality counts beside the others, 0 and above.",
    )
    speech: SpeechEmotionConfig = SpeechEmotionConfig()
    face_model: str | None = Field(
        None, description="Catalogue id of an ONNX model that reads faces in pictures; none: none."
    )
    mood_half_life: float | None = Field(
        None, gt=0, description="Seconds after which half of any mood is gone; instead of the next."
    )
    half_lives: dict[Emotion, float] = Field(
        HALF_LIVES, description="Seconds of silence after which half of each emotion is gone."
    )
    mood_pull: float = Field(
        0.7, ge=0, le=1, description="How far a reading without doubt moves the mood."
    )
    inertia: float = Field(
        0.3,
        ge=0,
        le=1,
        description="By how much a strong mood resists a reading of the opposite valence.",
    )
    personality: PersonalityConfig = PersonalityConfig()
    concern: float = Field(
        86_400.0, ge=0, description="Seconds for which a sign of self-harm keeps answers careful."
    )
    max_people: int = Field(
        10_000, ge=1, description="Moods that are kept; the longest unused are forgotten first."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Fill in what a user's table leaves out."""
        trust = {modality: self.trust.get(modality, 1.0) for modality in Modality}
        lives = HALF_LIVES | self.half_lives
        if min(trust.values()) < 0:
            raise ValueError("emotion.trust: a modality cannot count less than 0")
        if min(lives.values()) <= 0:
            raise ValueError("emotion.half_lives: a half-life must be above 0 seconds")
        if self.mood_half_life is not None:
            lives = dict.fromkeys(Emotion, self.mood_half_life)
        object.__setattr__(self, "trust", trust)
        object.__setattr__(self, "half_lives", lives)
        return self
