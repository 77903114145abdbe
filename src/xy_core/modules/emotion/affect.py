"""Affect: the slowly moving mood that a person's single emotions add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xy_core.modules.emotion.types import (
    NEUTRAL_ONLY,
    VALENCE_AROUSAL,
    Emotion,
    EmotionReading,
    shares_as_json,
)


@dataclass(frozen=True, slots=True)
class Affect:
    """The mood of one person; moving it gives a new one.

    Attributes:
        probabilities: how much of each emotion the mood holds; they sum to 1.
    """

    probabilities: Mapping[Emotion, float]

    @classmethod
    def neutral(cls) -> Affect:
        """Return the mood of somebody of whom nothing is known."""
        return cls(NEUTRAL_ONLY)

    @property
    def valence(self) -> float:
        """How pleasant the mood is, -1..1; neutral is 0."""
        return sum(share * VALENCE_AROUSAL[of][0] for of, share in self.probabilities.items())

    @property
    def arousal(self) -> float:
        """How excited the mood is, -1..1; neutral is 0."""
        return sum(share * VALENCE_AROUSAL[of][1] for of, share in self.probabilities.items())

    def decayed(self, seconds: float, half_life: float) -> Affect:
        """Return the mood after some quiet time: every `half_life` seconds halve what is felt.

        Args:
            seconds: the time gone by; nothing changes if it is negative.
            half_life: in seconds, above 0.
        """
        return Affect(
            _mixed(NEUTRAL_ONLY, self.probabilities, 0.5 ** (max(0.0, seconds) / half_life))
        )

    def blended(self, reading: EmotionReading, pull: float) -> Affect:
        """Return the mood after a new reading, which counts by its certainty.

        Args:
            reading: what the person seems to feel now.
            pull: how far a reading without doubt moves the mood: 0 (not at all) to 1 (all the way).
        """
        return Affect(_mixed(self.probabilities, reading.probabilities, pull * reading.certainty))

    def as_json(self) -> dict[str, Any]:
        """Return the mood with JSON's types only."""
        return {
            "probabilities": shares_as_json(self.probabilities),
            "valence": round(self.valence, 4),
            "arousal": round(self.arousal, 4),
        }


def _mixed(
    old: Mapping[Emotion, float], new: Mapping[Emotion, float], share: float
) -> dict[Emotion, float]:
    return {emotion: (1 - share) * old[emotion] + share * new[emotion] for emotion in Emotion}
