"""Scores of facial expressions that were measured elsewhere: in a browser, on a phone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from xy_core.core.errors import InputError
from xy_core.modules.emotion.fusion import Evidence, Modality
from xy_core.modules.emotion.types import Emotion

LABELS: Mapping[str, Emotion] = {
    **{emotion.value: emotion for emotion in Emotion},
    "happy": Emotion.JOY,
    "happiness": Emotion.JOY,
    "sad": Emotion.SADNESS,
    "angry": Emotion.ANGER,
    "fearful": Emotion.FEAR,
    "surprised": Emotion.SURPRISE,
    "disgusted": Emotion.DISGUST,
    "contempt": Emotion.DISGUST,
}
"""The labels of face-api.js, FER+ and this project. Contempt counts as disgust, as in Ekman's first
list."""
_MOST = 32
"""Labels of one measurement; more are no measurement of ours."""


@dataclass(frozen=True, slots=True)
class FaceScores:
    """How much of each emotion a face shows.

    Attributes:
        probabilities: one for each emotion; they sum to 1.
        confidence: 0 to 1: how much was measured at all.
    """

    probabilities: Mapping[Emotion, float]
    confidence: float = 1.0

    @classmethod
    def of(cls, scores: Mapping[str, float]) -> FaceScores:
        """Take in scores by label; those of labels that mean the same are added.

        Args:
            scores: 0 to 1 for any of `LABELS`; what is missing counts as 0. If they sum to less
                than 1, the rest is the measurer's doubt; if to more, they are scaled to 1.

        Raises:
            InputError: there are none, a label is unknown, or a score is not between 0 and 1.
        """
        if not isinstance(scores, Mapping) or not 0 < len(scores) <= _MOST:
            raise InputError(f"face scores: give 1 to {_MOST} scores by label, {_known()}")
        shares = dict.fromkeys(Emotion, 0.0)
        for label, score in scores.items():
            shares[_emotion(label)] += _number(label, score)
        total = sum(shares.values())
        if total <= 0:
            raise InputError("face scores: all are 0: leave them out where no face was seen")
        probabilities = {emotion: share / total for emotion, share in shares.items()}
        return cls(probabilities, min(1.0, total))

    def evidence(self) -> Evidence:
        """Return what the face says; the likelier its first emotion, the more it counts."""
        return Evidence(
            Modality.FACE, self.probabilities, self.confidence * max(self.probabilities.values())
        )


def _emotion(label: object) -> Emotion:
    found = LABELS.get(label.lower()) if isinstance(label, str) else None
    if found is None:
        raise InputError(f"face scores: unknown label {str(label)[:40]!r}: {_known()}")
    return found


def _number(label: str, score: object) -> float:
    valid = isinstance(score, int | float) and not isinstance(score, bool)
    if not valid or not math.isfinite(score) or not 0 <= score <= 1:  # type: ignore[arg-type,operator]
        raise InputError(f"face scores: {label} is {str(score)[:40]}, not a number between 0 and 1")
    return float(score)  # type: ignore[arg-type]


def _known() -> str:
    return "of " + ", ".join(LABELS)
