"""The plane of pleasure and arousal, and where the emotions lie in it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from xy_core.modules.emotion.types import Emotion

PLACES: Mapping[Emotion, tuple[float, float]] = {
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


def place(probabilities: Mapping[Emotion, float]) -> tuple[float, float]:
    """Return the mean valence and arousal of a distribution, both -1..1."""
    valence = sum(share * PLACES[emotion][0] for emotion, share in probabilities.items())
    arousal = sum(share * PLACES[emotion][1] for emotion, share in probabilities.items())
    return valence, arousal


def near(
    valence: float, arousal: float, valence_spread: float, arousal_spread: float
) -> dict[Emotion, float]:
    """Return how likely each emotion is at a point that was measured with normal errors.

    Args:
        valence: measured, about -1..1.
        arousal: measured, about -1..1.
        valence_spread: standard deviation of the measurement; a large one says nothing of valence.
        arousal_spread: the same of arousal.
    """
    weights = {
        emotion: math.exp(
            -(((valence - x) / valence_spread) ** 2 + ((arousal - y) / arousal_spread) ** 2) / 2
        )
        for emotion, (x, y) in PLACES.items()
    }
    total = sum(weights.values())
    return {emotion: weight / total for emotion, weight in weights.items()}
