"""What a reading of somebody's emotion is."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


class Emotion(enum.StrEnum):
    """The six basic emotions of Ekman (1992), and none of them."""

    JOY = "joy"
    SADNESS = "sadness"
    ANGER = "anger"
    FEAR = "fear"
    SURPRISE = "surprise"
    DISGUST = "disgust"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a recogniser finds in a text.

    Attributes:
        probabilities: how likely each emotion is the one that the text shows; they sum to 1.
        presence: how likely each emotion is there at all, several at once if need be.
        named: the emotions that are there, the likeliest first; never empty.
    """

    probabilities: Mapping[Emotion, float]
    presence: Mapping[Emotion, float]
    named: tuple[Emotion, ...]


@dataclass(frozen=True, slots=True)
class EmotionReading:
    """What somebody seems to feel at one moment.

    Attributes:
        probabilities: one for each emotion; they sum to 1.
        certainty: 0 (nothing is known) to 1 (no doubt): how much the reading should count.
        unsure: no emotion is likely enough to act on.
        recognition: what was found in a text; None where the reading is of something else.
    """

    probabilities: Mapping[Emotion, float]
    certainty: float
    unsure: bool
    recognition: Recognition | None = None

    @classmethod
    def of(cls, probabilities: Mapping[Emotion, float], unsure_below: float) -> EmotionReading:
        """Judge a distribution: its certainty is one minus its entropy, as a share of the most.

        Args:
            probabilities: one for each emotion; they sum to 1.
            unsure_below: the reading is unsure if its likeliest emotion is less likely than this.
        """
        entropy = -sum(share * math.log(share) for share in probabilities.values() if share > 0)
        certainty = min(1.0, max(0.0, 1 - entropy / math.log(len(Emotion))))
        return cls(probabilities, certainty, unsure=max(probabilities.values()) < unsure_below)

    @classmethod
    def found(cls, recognition: Recognition | None, unsure_below: float) -> EmotionReading:
        """Judge what was found in a text; None if it said nothing."""
        if recognition is None:
            return cls.nothing()
        return replace(cls.of(recognition.probabilities, unsure_below), recognition=recognition)

    @classmethod
    def nothing(cls) -> EmotionReading:
        """Return the reading of what shows no emotion at all: neutral, and not to be counted."""
        return cls(NEUTRAL_ONLY, certainty=0.0, unsure=True)

    @property
    def top(self) -> Emotion:
        """The likeliest emotion."""
        return max(self.probabilities, key=lambda emotion: self.probabilities[emotion])

    @property
    def intensity(self) -> float:
        """How strongly an emotion shows, 0..1: the greatest probability besides neutral's."""
        return max(
            share for emotion, share in self.probabilities.items() if emotion is not Emotion.NEUTRAL
        )

    @property
    def valence(self) -> float:
        """How pleasant it is, -1..1; neutral is 0."""
        return place(self.probabilities)[0]

    @property
    def arousal(self) -> float:
        """How excited it is, -1..1; neutral is 0."""
        return place(self.probabilities)[1]

    def as_json(self) -> dict[str, Any]:
        """Return the reading with JSON's types only."""
        found = self.recognition
        return {
            "top": self.top.value,
            "unsure": self.unsure,
            "intensity": round(self.intensity, 4),
            "certainty": round(self.certainty, 4),
            "valence": round(self.valence, 4),
            "arousal": round(self.arousal, 4),
            "probabilities": shares_as_json(self.probabilities),
            "presence": shares_as_json(found.presence) if found else {},
            "named": [emotion.value for emotion in found.named] if found else [],
        }


VALENCE_AROUSAL: Mapping[Emotion, tuple[float, float]] = {
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
    valence = sum(share * VALENCE_AROUSAL[of][0] for of, share in probabilities.items())
    arousal = sum(share * VALENCE_AROUSAL[of][1] for of, share in probabilities.items())
    return valence, arousal


NEUTRAL_ONLY: Mapping[Emotion, float] = {
    emotion: float(emotion is Emotion.NEUTRAL) for emotion in Emotion
}
"""The distribution of somebody who feels nothing in particular."""


def shares_as_json(probabilities: Mapping[Emotion, float]) -> dict[str, float]:
    """Return the probabilities by the emotions' names, to four digits."""
    return {emotion.value: round(share, 4) for emotion, share in probabilities.items()}
