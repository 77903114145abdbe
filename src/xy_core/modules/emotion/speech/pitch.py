"""The course of pitch and loudness in a recording, by SwiftF0.

SwiftF0 (MIT) because it is small (a network of 14,386 parameters, 135 kB, in its wheel), needs only
numpy and onnxruntime, which xy-core has anyway, follows speech well (first of 19 trackers in its
authors' benchmark), and tells how sure it is of each frame. parselmouth and aubio are under the
GPL, opensmile's licence forbids commercial use, librosa brings numba and scikit-learn, and pyworld
gives no measure of its own doubt.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xy_core.core.errors import BackendError, MissingExtraError

_LOWEST, _HIGHEST = 60.0, 500.0
"""Hertz: from a low man's voice to a child's cry; above it trackers follow overtones."""
_VOICED = 0.5
"""The confidence from which SwiftF0 counts a frame as voiced (its documentation)."""


@dataclass(frozen=True, slots=True)
class PitchTrack:
    """Pitch and loudness, frame by frame; all arrays have shape (frames,).

    Attributes:
        step: seconds from one frame to the next.
        hertz: pitch; means nothing where the frame is not voiced.
        voiced: whether the frame has a pitch.
        decibels: level of the frame, relative to full scale.
    """

    step: float
    hertz: npt.NDArray[np.float64]
    voiced: npt.NDArray[np.bool_]
    decibels: npt.NDArray[np.float64]


class PitchTracker:
    """Follows the pitch of one voice; one thread at a time may use it.

    Args:
        threads: of its network.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._detector: Any = None
        self._step = 0.0

    def load(self) -> None:
        """Read the network into memory.

        Raises:
            MissingExtraError: swift-f0 is not installed.
        """
        if self._detector is not None:
            return
        try:
            swift_f0 = importlib.import_module("swift_f0")
        except ImportError as error:
            raise MissingExtraError("swift-f0", "emotion") from error
        self._detector = swift_f0.SwiftF0(threads=self._threads, spin=False)
        self._step = float(swift_f0.FRAME_PERIOD)

    def close(self) -> None:
        """Give the network back."""
        self._detector = None

    def track(self, samples: npt.NDArray[np.float32], rate: int) -> PitchTrack:
        """Follow the pitch.

        Args:
            samples: shape (n,), float32 in [-1, 1].
            rate: in hertz.

        Raises:
            BackendError: it is not loaded, or its network failed.
        """
        if self._detector is None:
            raise BackendError("the pitch tracker is not loaded")
        try:
            found = self._detector.detect(samples, rate, fmin=_LOWEST, fmax=_HIGHEST)
        except Exception as error:  # onnxruntime's errors share no base but this
            raise BackendError(f"the pitch tracker failed: {error}") from error
        return PitchTrack(
            self._step, found.pitch_hz, found.confidence >= _VOICED, found.loudness_db
        )
