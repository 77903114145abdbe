"""How the encoder's scores become probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.modules.emotion.types import Emotion, Recognition

Floats = npt.NDArray[np.float64]

LABELS = tuple(Emotion)
"""The order of the classes in the network's scores."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the scores of one language become probabilities; all chosen on held-out texts.

    Attributes:
        temperature: the scores of which emotion it is are divided by it (Guo et al. 2017, "On
            calibration of modern neural networks").
        bias: shape (7,): added to them first, since emotions are not equally frequent everywhere.
        slope: shape (7,): the scores of presence are multiplied by it (Platt 1999).
        shift: shape (7,): added to them afterwards.
        thresholds: shape (7,): an emotion whose presence is as likely is named.
    """

    temperature: float
    bias: Floats
    slope: Floats
    shift: Floats
    thresholds: Floats

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Calibration:
        """Read what the training stored.

        Raises:
            KeyError: a part is missing.
            ValueError: a part has another shape.
        """
        vectors = {
            name: np.array(stored[name], np.float64).reshape(len(LABELS))
            for name in ("bias", "slope", "shift", "thresholds")
        }
        return cls(float(stored["temperature"]), **vectors)

    def recognition(self, scores: Floats) -> Recognition:
        """Turn the network's scores, shape (14,), into what is found."""
        which = (scores[: len(LABELS)] + self.bias) / self.temperature
        shares = np.exp(which - which.max())
        shares /= shares.sum()
        there = 1 / (1 + np.exp(-(scores[len(LABELS) :] * self.slope + self.shift)))
        named = there >= self.thresholds
        named[shares.argmax()] = True
        order = sorted(np.flatnonzero(named), key=lambda place: -shares[place])
        return Recognition(
            dict(zip(LABELS, shares.tolist(), strict=True)),
            dict(zip(LABELS, there.tolist(), strict=True)),
            tuple(LABELS[place] for place in order),
        )
