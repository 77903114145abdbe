"""Affect: the slowly moving mood that a person's single emotions add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xy_core.modules.emotion.types import NEUTRAL_ONLY, Emotion, EmotionReading, shares_as_json


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
        return sum(share * _VALENCE_AROUSAL[of][0] for of, share in self.probabilities.items())

    @property
    def arousal(self) -> float:
        """How excited the mood is, -1..1; neutral is 0."""
        return sum(share * _VALENCE_AROUSAL[of][1] for of, share in self.probabilities.items())

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


_VALENCE_AROUSAL: Mapping[Emotion, tuple[float, float]] = {
    Emotion.JOY: (0.76, 0.48),
    Emotion.SADNESS: (-0.63, -0.27),
    Emotion.ANGER: (-0.51, 0.59),
    Emotion.FEAR: (-0.64, 0.60),
    Emotion.SURPRISE: (0.40, 0.67),
    Emotion.DISGUST: (-0.60, 0.35),
    Emotion.NEUTRAL: (0.0, 0.0),
}
"""Mean pleasure and arousal of joyful, sad, angry, fearful, surprised and disgusted, from
Russell & Mehrabian (1977), "Evidence for a three-factor theory of emotions", J. Research in
Personality 11, 273-294."""


def _mixed(
    old: Mapping[Emotion, float], new: Mapping[Emotion, float], share: float
) -> dict[Emotion, float]:
    return {emotion: (1 - share) * old[emotion] + share * new[emotion] for emotion in Emotion}
