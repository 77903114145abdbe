"""The input buffer: sound that arrives, and the turns that are found in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from xy_core.core.errors import InputError
from xy_core.modules.voice import (
    Audio,
    EndpointConfig,
    Endpointer,
    SpeechEnded,
    SpeechStarted,
)
from xy_core.modules.voice.backends.silero import SileroDetector
from xy_core.server.realtime.settings import InputAudio, TurnDetection
from xy_core.server.realtime.sound import float_samples

_SLICE = 0.2
"""Seconds that are judged before the loop gets its turn: less than 5 ms of work."""
_SHORTEST = 0.1
"""Seconds; less cannot hold a word (OpenAI's own bound)."""
_MIN_SPEECH = 0.064
"""Seconds: two windows of the detector. With three an interruption would be told too late."""
_LONGEST_TURN = 120.0

Boundary: TypeAlias = SpeechStarted | SpeechEnded
MakeEndpointer: TypeAlias = Callable[[TurnDetection], Endpointer]


def make_endpointer(detection: TurnDetection) -> Endpointer:
    """Return the detector of turns that a session asks for."""
    config = EndpointConfig(
        threshold=detection.threshold,
        silence=detection.silence_duration_ms / 1_000,
        pre_roll=detection.prefix_padding_ms / 1_000,
        min_speech=_MIN_SPEECH,
        max_speech=_LONGEST_TURN,
    )
    return Endpointer(SileroDetector(), config)


class Hearing:
    """Keeps the sound that is not committed yet, and finds turns in it.

    Args:
        settings: its format, and how turns are detected, if they are.
        most_seconds: sound that is kept without detection.
        make: makes the detector.
    """

    def __init__(
        self, settings: InputAudio, most_seconds: float, make: MakeEndpointer = make_endpointer
    ) -> None:
        self._rate = settings.format.rate
        self._most_seconds = most_seconds
        self._most = round(most_seconds * self._rate)
        detection = settings.turn_detection
        self._turns = make(detection) if detection else None
        self._kept: list[NDArray[np.float32]] = []
        self._before = 0.0
        """Seconds that were heard before the detector last began anew."""

    async def append(self, pcm: bytes) -> AsyncIterator[Boundary]:
        """Take in sound; yields where turns begin and end.

        Raises:
            InputError: too much sound is not committed.
        """
        samples = float_samples(pcm)
        if self._turns is None:
            self._keep(samples)
            return
        length = round(_SLICE * self._rate)
        for begin in range(0, len(samples), length):
            piece = Audio(samples[begin : begin + length], self._rate)
            for boundary in self._turns.feed(piece):
                yield boundary
            await asyncio.sleep(0)

    def moment(self, boundary: Boundary) -> int:
        """Return where in all that was ever heard a boundary lies, in milliseconds."""
        within = boundary.start if isinstance(boundary, SpeechStarted) else boundary.end
        return round((self._before + within) * 1_000)

    def take(self) -> Audio:
        """Return the sound that is not committed, and begin anew after it.

        Raises:
            InputError: there is too little of it, or, with detection, nobody speaks in it.
        """
        audio = self._turns.utterance if self._turns is not None else self._kept_sound()
        if audio.seconds < _SHORTEST:
            raise InputError(
                f"the input buffer holds {audio.seconds * 1_000:.0f} ms of sound, "
                f"under the {_SHORTEST * 1_000:.0f} ms that may be committed"
            )
        self.clear()
        return audio

    def clear(self) -> None:
        """Forget the sound."""
        self._kept.clear()
        if self._turns is not None:
            self._before += self._turns.seconds
            self._turns.flush()

    def _keep(self, samples: NDArray[np.float32]) -> None:
        if sum(map(len, self._kept)) + len(samples) > self._most:
            raise InputError(
                f"over {self._most_seconds:g} s of sound are not committed: commit or clear the "
                "input buffer"
            )
        self._kept.append(samples)

    def _kept_sound(self) -> Audio:
        return Audio(np.concatenate([np.zeros(0, np.float32), *self._kept]), self._rate)
