"""The input buffer: sound that arrives, and the turns that are found in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
from numpy.typing import NDArray

from xy_core.core.errors import InputError
from xy_core.modules.voice import Audio
from xy_core.modules.voice.endpoint import Boundary, Endpointer, SpeechEnded, SpeechStarted
from xy_core.server.realtime.settings import InputAudio, TurnDetection
from xy_core.server.realtime.sound import HEARING_RATE, Resampling, float_samples

_SLICE = HEARING_RATE // 5
"""Samples that are judged before the loop gets its turn: less than 5 ms of work."""
_SHORTEST = 0.1
"""Seconds; less cannot hold a word (OpenAI's own bound)."""
_TAIL = HEARING_RATE // 10
"""Samples after the end of speech: the last consonant is often softer than the threshold."""

MakeEndpointer = Callable[[TurnDetection], Endpointer]


def make_endpointer(detection: TurnDetection) -> Endpointer:
    """Return the detector that a session asks for."""
    return Endpointer(threshold=detection.threshold, silence=detection.silence_duration_ms / 1_000)


class Hearing:
    """Keeps the sound that is not committed yet, and finds turns in it.

    Args:
        settings: its format, and how turns are detected.
        most_seconds: sound that is kept without detection.
        make: makes the detector.
    """

    def __init__(
        self, settings: InputAudio, most_seconds: float, make: MakeEndpointer = make_endpointer
    ) -> None:
        self._settings = settings
        self._most = round(most_seconds * HEARING_RATE)
        self._resampling = Resampling(settings.format.rate, HEARING_RATE)
        detection = settings.turn_detection
        self._endpointer = make(detection) if detection else None
        self._padding = round(
            (detection.prefix_padding_ms if detection else 0) * HEARING_RATE / 1e3
        )
        self._kept = np.zeros(0, np.float32)
        self._start = 0
        """Position of the first kept sample in all that was ever heard."""
        self._speaking = False

    async def append(self, pcm: bytes) -> AsyncIterator[Boundary]:
        """Take in sound; yields boundaries of speech, each while the sound is kept up to there.

        Raises:
            InputError: too much sound is not committed.
        """
        samples = self._resampling.feed(float_samples(pcm))
        for begin in range(0, len(samples), _SLICE):
            piece = samples[begin : begin + _SLICE]
            self._keep(piece)
            if self._endpointer is None:
                continue
            for boundary in self._endpointer.feed(piece):
                self._speaking = isinstance(boundary, SpeechStarted)
                yield boundary
            self._let_go()
            await asyncio.sleep(0)

    def take(self, until: SpeechEnded | None = None) -> Audio:
        """Return the sound, up to the end of a turn or all of it, and begin anew after it.

        Raises:
            InputError: there is too little of it.
        """
        length = len(self._kept)
        if until is not None:
            length = min(length, until.sample - self._start + _TAIL)
        if length < _SHORTEST * HEARING_RATE:
            raise InputError(
                f"the input buffer holds {length / HEARING_RATE * 1_000:.0f} ms of sound, "
                f"under the {_SHORTEST * 1_000:.0f} ms that may be committed"
            )
        audio = Audio(self._kept[:length].copy(), HEARING_RATE)
        self._drop(length)
        return audio

    def clear(self) -> None:
        """Forget the sound."""
        self._drop(len(self._kept))

    def _keep(self, piece: NDArray[np.float32]) -> None:
        if len(self._kept) + len(piece) > self._most:
            raise InputError(
                f"over {self._most / HEARING_RATE:.0f} s of sound are not committed: commit or "
                "clear the input buffer"
            )
        self._kept = np.concatenate([self._kept, piece])

    def _let_go(self) -> None:
        """Without speech, only what may turn out to be its beginning is kept."""
        needless = len(self._kept) - self._padding - _SLICE
        if not self._speaking and needless > 0:
            self._drop(needless)

    def _drop(self, length: int) -> None:
        self._kept = self._kept[length:]
        self._start += length
