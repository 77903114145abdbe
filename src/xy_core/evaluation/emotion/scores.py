"""Figures of a classifier: F1, accuracy, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xy_core.evaluation.emotion.corpora import Example
from xy_core.modules.emotion.backends.recogniser import Recogniser
from xy_core.modules.emotion.types import NEUTRAL_ONLY, Emotion

Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]

LABELS = tuple(Emotion)
_NEUTRAL = LABELS.index(Emotion.NEUTRAL)
_BINS = 15


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was read in the texts of one set, and what their annotators saw.

    Attributes:
        shares: shape (n, 7): how likely each emotion is the one that a text shows.
        named: shape (n, 7): the emotions that the recogniser names.
        truth: shape (n, 7): the emotions that annotators named.
    """

    shares: Floats
    named: Truth
    truth: Truth

    @classmethod
    def of(cls, recogniser: Recogniser, examples: Sequence[Example]) -> Verdicts:
        """Read all texts; one that says nothing is neutral."""
        shares = np.empty((len(examples), len(LABELS)))
        named = np.empty(shares.shape, np.bool_)
        for row, example in enumerate(examples):
            found = recogniser.read(example.text)
            probabilities = found.probabilities if found else NEUTRAL_ONLY
            names = found.named if found else (Emotion.NEUTRAL,)
            shares[row] = [probabilities[label] for label in LABELS]
            named[row] = [label in names for label in LABELS]
        truth = np.array([[label in e.emotions for label in LABELS] for e in examples])
        return cls(shares, named, truth)

    def without_neutral(self) -> Verdicts:
        """Return what is read where neutral is no answer: the six others share 1."""
        shares = self.shares.copy()
        shares[:, _NEUTRAL] = 0
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return Verdicts(shares, self.named, self.truth)

    @property
    def top(self) -> Truth:
        """Shape (n, 7): the likeliest emotion alone."""
        likeliest: Truth = np.arange(len(LABELS)) == self.shares.argmax(axis=1)[:, None]
        return likeliest

    @property
    def accuracy(self) -> float:
        """The share of texts whose likeliest emotion is among those that annotators named."""
        return float(self._right.mean())

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the likeliest emotion, over 15 bins of equal width.

        Naeini et al. (2015), "Obtaining well calibrated probabilities using Bayesian binning".
        """
        sure = self.shares.max(axis=1)
        right = self._right
        bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
        gaps = [
            abs(sure[bins == place].mean() - right[bins == place].mean()) * (bins == place).mean()
            for place in np.unique(bins)
        ]
        return float(sum(gaps))

    @property
    def _right(self) -> Truth:
        return np.asarray((self.top & self.truth).any(axis=1))


def macro_f1(named: Truth, truth: Truth) -> float:
    """Return the mean F1 of the emotions that occur in the truth."""
    return float(_f1(named, truth)[truth.any(axis=0)].mean())


def weighted_f1(named: Truth, truth: Truth) -> float:
    """Return the mean F1 of all emotions, each as often as it occurs in the truth."""
    return float(np.average(_f1(named, truth), weights=truth.sum(axis=0)))


def _f1(named: Truth, truth: Truth) -> Floats:
    either = named.sum(axis=0) + truth.sum(axis=0)
    found: Floats = 2 * (named & truth).sum(axis=0) / np.maximum(1, either)
    return found
