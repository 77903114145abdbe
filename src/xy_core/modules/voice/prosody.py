"""Turns a way of speaking into what engines can do: speed, and what is done to their sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xy_core.modules.voice.types import Audio, ResampleStream, VoiceStyle, resample


def engine_speed(style: VoiceStyle) -> float:
    """Return how fast an engine must speak, as a multiple of its own speed.

    A higher pitch is made by playing faster afterwards (see `shape`), so the engine first speaks
    that much slower.
    """
    return style.rate / _pitch_ratio(style)


def shape(samples: NDArray[np.float32], rate: int, style: VoiceStyle) -> Audio:
    """Give an engine's sound the style's pitch and energy.

    Args:
        samples: shape (n,), float32 in [-1, 1], spoken at `engine_speed`.
        rate: in hertz.
        style: how it is to be said.
    """
    ratio = _pitch_ratio(style)
    shifted = samples if ratio == 1.0 else resample(samples, rate * ratio, rate)
    return Audio(np.clip(shifted * np.float32(style.energy), -1.0, 1.0), rate)


class Shaper:
    """Gives sound that comes in pieces a style's pitch and energy, without a joint between them.

    Args:
        rate: in hertz.
        style: how it is to be said; the engine speaks at `engine_speed`.
    """

    def __init__(self, rate: int, style: VoiceStyle) -> None:
        self._rate = rate
        self._energy = np.float32(style.energy)
        self._resampler = ResampleStream(rate * _pitch_ratio(style), rate)

    def feed(self, samples: NDArray[np.float32]) -> Audio:
        """Take float32 samples of shape (n,) and return what is ready; it may be empty."""
        return self._loud(self._resampler.feed(samples))

    def finish(self) -> Audio:
        """Return what is still inside."""
        return self._loud(self._resampler.finish())

    def _loud(self, samples: NDArray[np.float32]) -> Audio:
        return Audio(np.clip(samples * self._energy, -1.0, 1.0), self._rate)


def _pitch_ratio(style: VoiceStyle) -> float:
    """The ratio of frequencies: twelve equal semitones make an octave."""
    return float(2.0 ** (style.pitch / 12.0))
