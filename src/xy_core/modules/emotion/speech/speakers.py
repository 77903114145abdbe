"""What is usual for each speaker, learned as they speak."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xy_core.modules.emotion.speech.features import SpeechFeatures

Numbers = npt.NDArray[np.float64]

_SPREAD = np.array([2.0, 2.0, 4.0, 0.8, 0.10])
"""How much a speaker's own sentences differ: standard deviations of `SpeechFeatures`, from pitch to
pauses. Our estimate, which gives way to the speaker's own as that becomes known."""
_USUAL = np.array([0.0, 6.0, 0.0, 4.5, 0.15])
"""What is usual for people (our estimate); of pitch and loudness nothing is: bodies and microphones
differ."""
_PRIOR = np.array([0.0, 2.0, 0.0, 2.0, 2.0])
"""How many sentences of the speaker `_USUAL` counts as."""
_SPREAD_PRIOR = 4.0
"""How many sentences of the speaker `_SPREAD` counts as."""
_MEMORY = 50.0
"""Sentences over which a speaker's habit is averaged: a new microphone is learned in that time."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How unusual a sentence is for its speaker.

    Attributes:
        scores: standard deviations from the usual, in the order of `SpeechFeatures`: (5,).
        known: sentences of the speaker that were heard before.
    """

    scores: Numbers
    known: float


@dataclass(slots=True)
class _Habit:
    count: float
    mean: Numbers
    variance: Numbers


class Speakers:
    """The habits of all speakers; the longest unheard are forgotten.

    Args:
        most: speakers that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._habits: OrderedDict[str, _Habit] = OrderedDict()

    def hear(self, person: str, features: SpeechFeatures) -> Deviation:
        """Return how a sentence differs from what was usual so far, and learn from it."""
        given = features.as_array()
        habit = self._habits.setdefault(person, _Habit(0.0, given.copy(), np.zeros(5)))
        known = habit.count
        usual = (known * habit.mean + _PRIOR * _USUAL) / np.maximum(known + _PRIOR, 1e-9)
        usual = np.where(known + _PRIOR > 0, usual, given)
        spread = (known * habit.variance + _SPREAD_PRIOR * _SPREAD**2) / (known + _SPREAD_PRIOR)
        self._learn(habit, given)
        self._habits.move_to_end(person)
        if len(self._habits) > self._most:
            self._habits.popitem(last=False)
        return Deviation((given - usual) / np.sqrt(spread), known)

    def forget(self, person: str) -> None:
        """Forget a speaker."""
        self._habits.pop(person, None)

    @staticmethod
    def _learn(habit: _Habit, given: Numbers) -> None:
        """Update mean and variance (Welford 1962), with older sentences fading."""
        habit.count = min(habit.count + 1, _MEMORY)
        step = given - habit.mean
        habit.mean = habit.mean + step / habit.count
        habit.variance = habit.variance + (step * (given - habit.mean) - habit.variance) / (
            habit.count
        )
