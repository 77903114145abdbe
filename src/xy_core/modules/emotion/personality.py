"""From a personality to the mood that it rests in."""

from __future__ import annotations

from collections.abc import Mapping

from xy_core.modules.emotion.circumplex import near
from xy_core.modules.emotion.config import PersonalityConfig
from xy_core.modules.emotion.types import NEUTRAL_ONLY, Emotion

_SPREAD = 0.35
"""How far from its place an emotion still colours a baseline; about half the mean distance between
the emotions' places."""


def baseline(personality: PersonalityConfig) -> Mapping[Emotion, float]:
    """Return the distribution to which the moods of that personality return.

    Pleasure and arousal of a temperament follow its traits by Mehrabian (1996), "Analysis of the
    Big-five personality factors in terms of the PAD temperament model", Australian J. of
    Psychology 48(2): P = 0.21 E + 0.59 A + 0.19 S, Ar = 0.15 O + 0.30 A - 0.57 S.
    """
    of = personality
    pleasure = 0.21 * of.extraversion + 0.59 * of.agreeableness + 0.19 * of.stability
    arousal = 0.15 * of.openness + 0.30 * of.agreeableness - 0.57 * of.stability
    strength = min(1.0, (pleasure**2 + arousal**2) ** 0.5)
    around = near(pleasure, arousal, _SPREAD, _SPREAD)
    return {
        emotion: (1 - strength) * NEUTRAL_ONLY[emotion] + strength * around[emotion]
        for emotion in Emotion
    }
