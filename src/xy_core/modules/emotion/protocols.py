"""What the emotion module asks of readers of voices and faces; all of it may block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from xy_core.modules.emotion.fusion import Evidence
from xy_core.modules.emotion.types import Emotion


class Reader(Protocol):
    """Something that holds a model."""

    def load(self) -> None:
        """Read the model into memory; harmless when it already is.

        Raises:
            MissingExtraError: its library is not installed.
            BackendError: its files cannot be used.
        """

    def close(self) -> None:
        """Give the model back; harmless when there is none."""


class SpeechReader(Reader, Protocol):
    """Reads emotion from a voice."""

    def read(self, person: str, samples: npt.NDArray[np.float32], rate: int) -> Evidence | None:
        """Return what a recording says, or None if nobody speaks long enough in it.

        Args:
            person: who speaks; what is usual for one person is not for another.
            samples: shape (n,), float32 in [-1, 1].
            rate: in hertz.
        """


class FaceReader(Reader, Protocol):
    """Reads emotion from a picture of a face."""

    def read(self, pixels: npt.NDArray[np.uint8]) -> Mapping[Emotion, float] | None:
        """Return how likely each emotion is, or None if there is no face.

        Args:
            pixels: shape (height, width, 3), RGB.
        """
