"""Sound as it comes over the wire and goes out again."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xy_core.core.errors import InputError
from xy_core.modules.voice import Audio
from xy_core.modules.voice.libraries import library

FULL_SCALE = 32_768
HEARING_RATE = 16_000
"""Samples a second that recognition works with."""


def pcm_bytes(audio: str) -> bytes:
    """Return the bytes of sound in base64.

    Raises:
        InputError: it is not base64, or not whole 16-bit samples.
    """
    try:
        content = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("audio: give base64 of 16-bit samples") from None
    if len(content) % 2:
        raise InputError("audio: half a sample is missing: send whole 16-bit samples")
    return content


def float_samples(pcm: bytes) -> NDArray[np.float32]:
    """Return little-endian 16-bit samples as float32 of shape (n,) in [-1, 1)."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)


_NOTHING = np.zeros(0, np.float32)


class Resampling:
    """Brings a stream of sound, piece by piece, to another rate.

    Args:
        from_rate: hertz.
        to_rate: hertz.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream: Any = None
        if from_rate != to_rate:
            soxr = library("soxr")
            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")

    def feed(self, samples: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Return what is ready; the end of the sound comes with its last piece."""
        if self._stream is None:
            return samples
        done: NDArray[np.float32] = self._stream.resample_chunk(samples, last=last)
        return done


class SpeechOut:
    """Turns spoken audio into pieces for the wire.

    Args:
        rate: hertz, of what goes out.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampling: Resampling | None = None
        self._from = 0

    def feed(self, audio: Audio) -> str:
        """Return a piece in base64, which may be empty."""
        end = self._end() if self._from != audio.rate else _NOTHING
        if self._resampling is None:
            self._from, self._resampling = audio.rate, Resampling(audio.rate, self._rate)
        return _encoded(np.concatenate([end, self._resampling.feed(audio.samples)]))

    def rest(self) -> str:
        """Return the end of what was fed, in base64."""
        return _encoded(self._end())

    def _end(self) -> NDArray[np.float32]:
        if self._resampling is None:
            return _NOTHING
        resampling, self._resampling = self._resampling, None
        return resampling.feed(_NOTHING, last=True)


def _encoded(samples: NDArray[np.float32]) -> str:
    scaled = np.clip(samples * FULL_SCALE, -FULL_SCALE, FULL_SCALE - 1)
    return base64.b64encode(np.rint(scaled).astype("<i2").tobytes()).decode()
