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
class Evidence:
    """What speaks for each emotion in one text; all of shape (7,).

    Attributes:
        which: the network's scores of which emotion it is.
        there: its scores of whether each is there, beside others.
        words: the linear model's logarithms of probabilities; 0 if it knows nothing in the text.
    """

    which: Floats
    there: Floats
    words: Floats


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the evidence in one language becomes probabilities; all chosen on held-out texts.

    Attributes:
        temperature: the scores of which emotion it is are divided by it (Guo et al. 2017, "On
            calibration of modern neural networks").
        words: what the linear model's evidence counts among them.
        bias: shape (7,): added to them, since emotions are not equally frequent everywhere.
        there_slope: shape (7,): the scores of presence are multiplied by it (Platt 1999).
        there_words: shape (7,): what the linear model's evidence counts among them.
        there_bias: shape (7,): added to them.
        thresholds: shape (7,): an emotion whose presence is as likely is named.
    """

    temperature: float
    words: float
    bias: Floats
    there_slope: Floats
    there_words: Floats
    there_bias: Floats
    thresholds: Floats

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Calibration:
        """Read what the training stored.

        Raises:
            KeyError: a part is missing.
            ValueError: a part has another shape.
        """

        def vector(name: str) -> Floats:
            return np.array(stored[name], np.float64).reshape(len(LABELS))

        return cls(
            temperature=float(stored["temperature"]),
            words=float(stored["words"]),
            bias=vector("bias"),
            there_slope=vector("there_slope"),
            there_words=vector("there_words"),
            there_bias=vector("there_bias"),
            thresholds=vector("thresholds"),
        )

    def recognition(self, evidence: Evidence) -> Recognition:
        """Turn evidence into what is found."""
        which = (evidence.which + self.words * evidence.words + self.bias) / self.temperature
        shares = np.exp(which - which.max())
        shares /= shares.sum()
        there = expit(
            self.there_slope * evidence.there + self.there_words * evidence.words + self.there_bias
        )
        named = there >= self.thresholds
        named[shares.argmax()] = True
        order = sorted(np.flatnonzero(named), key=lambda place: -shares[place])
        return Recognition(
            dict(zip(LABELS, shares.tolist(), strict=True)),
            dict(zip(LABELS, there.tolist(), strict=True)),
            tuple(LABELS[place] for place in order),
        )


def expit(values: Floats) -> Floats:
    """Return 1 / (1 + e^-x), also where e^-x would overflow."""
    half: Floats = (1 + np.tanh(values / 2)) / 2
    return half
