"""Which emotions lie near a point of the plane of pleasure and arousal."""

from __future__ import annotations

import math

from xy_core.modules.emotion.types import VALENCE_AROUSAL, Emotion


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
        for emotion, (x, y) in VALENCE_AROUSAL.items()
    }
    total = sum(weights.values())
    return {emotion: weight / total for emotion, weight in weights.items()}
