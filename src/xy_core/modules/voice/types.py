"""Sound and ways of speaking: what goes into the voice module and what comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from xy_core.core.errors import AudioError, InputError
from xy_core.modules.voice.libraries import library


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """A piece of mono sound that never changes.

    Attributes:
        samples: shape (n,), float32, nominally in [-1, 1], every one finite; read-only.
        rate: samples a second, in hertz.

    Raises:
        AudioError: the samples are not one channel of finite floats, or the rate is not positive.
    """

    samples: NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        given = np.asarray(self.samples)
        if given.ndim != 1 or not np.issubdtype(given.dtype, np.floating):
            raise AudioError(
                f"audio must be one channel of floats, not {given.dtype} of shape {given.shape}"
            )
        if self.rate <= 0:
            raise AudioError(f"a sample rate of {self.rate} Hz is not possible")
        samples = given.astype(np.float32, copy=False).view()
        if not np.isfinite(samples).all():
            raise AudioError("the audio has samples that are not numbers (NaN or infinite)")
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.samples) / self.rate

    def resampled(self, rate: int) -> Audio:
        """Return the same sound at another rate (soxr, high quality)."""
        if rate == self.rate:
            return self
        return Audio(resample(self.samples, self.rate, rate), rate)

    @classmethod
    def silence(cls, seconds: float, rate: int) -> Self:
        """Return that much silence."""
        return cls(np.zeros(round(seconds * rate), np.float32), rate)

    @classmethod
    def concat(cls, pieces: Iterable[Audio]) -> Audio:
        """Join pieces one after the other, at the rate of the first.

        Raises:
            AudioError: there is no piece.
        """
        given = list(pieces)
        if not given:
            raise AudioError("there is no audio to join")
        rate = given[0].rate
        return cls(np.concatenate([piece.resampled(rate).samples for piece in given]), rate)


def resample(samples: NDArray[np.float32], from_rate: float, to_rate: float) -> NDArray[np.float32]:
    """Change the rate of float32 samples of shape (n,); rates need not be whole."""
    resampled: NDArray[np.float32] = library("soxr").resample(samples, from_rate, to_rate, "HQ")
    return resampled


class ResampleStream:
    """Changes the rate of sound that comes in pieces; the joints cannot be heard.

    Args:
        from_rate: in hertz; need not be whole.
        to_rate: in hertz.

    Raises:
        MissingExtraError: soxr is not installed.
    """

    def __init__(self, from_rate: float, to_rate: float) -> None:
        self.from_rate = from_rate
        self._stream = (
            None
            if from_rate == to_rate
            else library("soxr").ResampleStream(from_rate, to_rate, 1, np.float32, "HQ")
        )

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take float32 samples of shape (n,) and return those that are ready."""
        return self._next(samples, last=False)

    def finish(self) -> NDArray[np.float32]:
        """Return what is still inside; nothing can be fed after it."""
        return self._next(np.zeros(0, np.float32), last=True)

    def _next(self, samples: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        if self._stream is None:
            return samples
        ready: NDArray[np.float32] = self._stream.resample_chunk(samples, last=last)
        return ready


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """How something is said: the way in which an emotion reaches the voice.

    Attributes:
        rate: speaking rate as a multiple of the voice's own, 0.5 to 2.
        pitch: shift in semitones, -12 to 12.
        energy: loudness as a multiple of the voice's own (linear gain), 0.1 to 2.
        emotion: its name, for engines that choose a reference voice by it.

    Raises:
        InputError: a value is out of its range.
    """

    rate: float = 1.0
    pitch: float = 0.0
    energy: float = 1.0
    emotion: str = "neutral"

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("rate", self.rate, 0.5, 2.0),
            ("pitch", self.pitch, -12.0, 12.0),
            ("energy", self.energy, 0.1, 2.0),
        ):
            if not low <= value <= high:
                raise InputError(f"voice {name} {value:g} is not between {low:g} and {high:g}")
