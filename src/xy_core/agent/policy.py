"""What the agent does about a feeling: share it, soothe it, lift it, or stay steady."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from xy_core.modules.emotion import Emotion


class Policy(enum.StrEnum):
    """A way to answer a feeling."""

    MIRROR = "mirror"
    SOOTHE = "soothe"
    CHEER = "cheer"
    STEADY = "steady"


POLICIES: Mapping[Emotion, Policy] = {
    Emotion.JOY: Policy.MIRROR,
    Emotion.SADNESS: Policy.SOOTHE,
    Emotion.ANGER: Policy.STEADY,
    Emotion.FEAR: Policy.SOOTHE,
    Emotion.SURPRISE: Policy.MIRROR,
    Emotion.DISGUST: Policy.STEADY,
    Emotion.NEUTRAL: Policy.MIRROR,
}
"""The defaults: good feelings are shared, which makes them grow (Gable et al. 2004, "What do you do
when things go right?", J. Personality and Social Psychology 87); bad ones are not, since anger met
with anger escalates, but sadness is answered with sympathy."""

CAREFUL: Mapping[Emotion, Policy] = dict.fromkeys(Emotion, Policy.SOOTHE)
"""For a person who may be in danger: nothing is mirrored, nothing made light of."""
