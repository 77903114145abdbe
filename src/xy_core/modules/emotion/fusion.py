"""Brings what words, voice and face say about a person into one reading."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xy_core.modules.emotion.types import Emotion, EmotionReading, shares_as_json

_LEAST = 0.01
"""Probability below which one modality may not push an emotion: it would veto all others."""


class Modality(enum.StrEnum):
    """Where an emotion was read."""

    TEXT = "text"
    VOICE = "voice"
    FACE = "face"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one modality says.

    Attributes:
        modality: where it was read.
        probabilities: one for each emotion; they sum to 1.
        confidence: 0 (says nothing) to 1 (no doubt).
    """

    modality: Modality
    probabilities: Mapping[Emotion, float]
    confidence: float

    @classmethod
    def of_text(cls, reading: EmotionReading) -> Evidence:
        """Return what a text says; its certainty is the confidence."""
        return cls(Modality.TEXT, reading.probabilities, reading.certainty)

    def as_json(self) -> dict[str, Any]:
        """Return the evidence with JSON's types only."""
        return {
            "modality": self.modality.value,
            "confidence": round(self.confidence, 4),
            "probabilities": shares_as_json(self.probabilities),
        }


def fuse(
    evidence: Sequence[Evidence], trust: Mapping[Modality, float], unsure_below: float
) -> EmotionReading:
    """Return one reading from all evidence, by a logarithmic opinion pool.

    p(e) ∝ Π pᵢ(e)^wᵢ, where wᵢ is confidence times trust, scaled to sum to 1 (Genest & Zidek 1986,
    "Combining probability distributions: a critique and an annotated bibliography", Statistical
    Science 1(1), eq. 3.9). Unlike a mean it lets two weak hints of one emotion stand against a
    spread-out third, and it does not matter in which order evidence comes. One piece of evidence
    alone is returned as it is; without any the reading is `EmotionReading.nothing`.

    Args:
        evidence: of any modalities.
        trust: how much each modality counts, 0 and above.
        unsure_below: see `EmotionReading.of`.
    """
    weighted = [(piece, piece.confidence * trust[piece.modality]) for piece in evidence]
    counted = [(piece.probabilities, weight) for piece, weight in weighted if weight > 0]
    if not counted:
        return EmotionReading.nothing()
    if len(counted) == 1:
        return EmotionReading.of(counted[0][0], unsure_below)
    total = sum(weight for _, weight in counted)
    scores = {
        emotion: sum(
            weight / total * math.log(max(shares[emotion], _LEAST)) for shares, weight in counted
        )
        for emotion in Emotion
    }
    highest = max(scores.values())
    raised = {emotion: math.exp(score - highest) for emotion, score in scores.items()}
    sum_of_all = sum(raised.values())
    return EmotionReading.of(
        {emotion: share / sum_of_all for emotion, share in raised.items()}, unsure_below
    )
