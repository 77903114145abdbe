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
    place,
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
        return place(self.probabilities)[0]

    @property
    def arousal(self) -> float:
        """How excited the mood is, -1..1; neutral is 0."""
        return place(self.probabilities)[1]

    @property
    def top(self) -> Emotion:
        """The emotion that the mood holds most of."""
        return max(self.probabilities, key=lambda emotion: self.probabilities[emotion])

    def decayed(
        self,
        seconds: float,
        half_life: float | Mapping[Emotion, float],
        baseline: Mapping[Emotion, float] = NEUTRAL_ONLY,
    ) -> Affect:
        """Return the mood after some quiet time: each half-life halves the way to the baseline.

        Exponential return to a person's own baseline is the usual account of emotion regulation
        over time (Kuppens, Oravecz & Tuerlinckx 2010, "Feelings change: accounting for individual
        differences in the temporal dynamics of affect", J. Personality and Social Psychology 99).

        Args:
            seconds: the time gone by; nothing changes if it is negative.
            half_life: in seconds, above 0: one for all emotions or one for each.
            baseline: the distribution to which the mood returns.
        """
        quiet = max(0.0, seconds)
        lives = half_life if isinstance(half_life, Mapping) else dict.fromkeys(Emotion, half_life)
        left = {
            emotion: baseline[emotion]
            + (self.probabilities[emotion] - baseline[emotion]) * 0.5 ** (quiet / lives[emotion])
            for emotion in Emotion
            if emotion is not Emotion.NEUTRAL
        }
        felt = sum(left.values())
        # Emotions that fade slowly can come to stand beside a baseline that is back already.
        return Affect(
            {
                emotion: max(0.0, 1 - felt)
                if emotion is Emotion.NEUTRAL
                else left[emotion] / max(1.0, felt)
                for emotion in Emotion
            }
        )

    def blended(self, reading: EmotionReading, pull: float, inertia: float = 0.0) -> Affect:
        """Return the mood after a new reading, which counts by its certainty.

        A mood resists its opposite: what carries over from one moment to the next is emotional
        inertia (Kuppens, Allen & Sheeber 2010, "Emotional inertia and psychological
        maladjustment", Psychological Science 21).

        Args:
            reading: what the person seems to feel now.
            pull: how far a reading without doubt moves the mood: 0 (not at all) to 1 (all the way).
            inertia: 0 (none) to 1: by how much of it a mood of full strength weakens the pull of a
                reading of the opposite valence and full strength.
        """
        opposition = max(0.0, -self.valence * place(reading.probabilities)[0]) / _STRONGEST
        share = pull * reading.certainty * (1 - inertia * min(1.0, opposition))
        return Affect(_mixed(self.probabilities, reading.probabilities, share))

    def as_json(self) -> dict[str, Any]:
        """Return the mood with JSON's types only."""
        return {
            "probabilities": shares_as_json(self.probabilities),
            "valence": round(self.valence, 4),
            "arousal": round(self.arousal, 4),
        }


_STRONGEST = VALENCE_AROUSAL[Emotion.JOY][0] * -VALENCE_AROUSAL[Emotion.SADNESS][0]
"""The product of valences where joy meets sadness: the strongest opposition there is."""


def _mixed(
    old: Mapping[Emotion, float], new: Mapping[Emotion, float], share: float
) -> dict[Emotion, float]:
    return {emotion: (1 - share) * old[emotion] + share * new[emotion] for emotion in Emotion}
