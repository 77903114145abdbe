"""A linear model over hashed n-grams: small, quick, and the same on every machine."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from importlib.resources.abc import Traversable

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError
from xy_core.modules.emotion.backends.features import (
    BUCKETS,
    features,
    is_chinese,
    weigh,
)
from xy_core.modules.emotion.types import Emotion, Recognition

LABELS = tuple(Emotion)
"""The order of the classes in the weights."""
_PARTS = ("weights", "rarity", "scale", "bias", "temperature")


class LinearRecogniser:
    """Multinomial logistic regression, calibrated for each language by a temperature.

    Args:
        weights: int8, shape (BUCKETS, 7): roots of the coefficients, so that small ones keep
            their digits; the classes are in the order of `LABELS`.
        rarity: float16, shape (BUCKETS,): the inverse document frequency of each n-gram.
        scale: float32, shape (7,): what a class's weight of 1 is worth.
        bias: float32, shape (2, 7): of English and of Chinese.
        temperature: float32, shape (2,): of English and of Chinese (Guo et al. 2017, "On
            calibration of modern neural networks").

    Raises:
        BackendError: the shapes do not fit.
    """

    def __init__(
        self,
        weights: npt.NDArray[np.int8],
        rarity: npt.NDArray[np.float16],
        scale: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32],
        temperature: npt.NDArray[np.float32],
    ) -> None:
        parts = (weights, rarity, scale, bias, temperature)
        shapes = tuple(part.shape for part in parts)
        size = len(LABELS)
        if shapes != ((BUCKETS, size), (BUCKETS,), (size,), (2, size), (2,)):
            raise BackendError(f"the emotion weights have unexpected shapes {shapes}: reinstall")
        self._weights = weights
        self._rarity = rarity
        self._scale = scale
        self._bias = bias
        self._temperature = temperature

    @classmethod
    def load(cls, source: Traversable) -> LinearRecogniser:
        """Read the weights that ``training/emotion/train.py`` wrote.

        Raises:
            BackendError: the file is missing or damaged.
        """
        try:
            with source.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return cls(**{part: stored[part] for part in _PARTS})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BackendError(
                f"the emotion weights cannot be read ({error}): reinstall xy-core"
            ) from error

    def read(self, text: str) -> Recognition | None:
        """Return the likeliest emotion: what else is there, a linear model does not tell."""
        found = self.probabilities(text)
        if found is None:
            return None
        return Recognition(found, found, (max(found, key=lambda emotion: found[emotion]),))

    def probabilities(self, text: str) -> Mapping[Emotion, float] | None:
        """Return how likely each emotion is, or None if the model knows nothing in the text."""
        columns, values = weigh(*features(text), self._rarity)
        if not len(columns):
            return None
        language = int(is_chinese(text))
        steps = self._weights[columns].astype(np.float32)
        scores = values @ (steps * np.abs(steps)) * self._scale
        scores = (scores + self._bias[language]) / self._temperature[language]
        shares = np.exp((scores - scores.max()).astype(np.float64))
        shares /= shares.sum()
        return dict(zip(LABELS, shares.tolist(), strict=True))
