"""The sound in an answer of GPT-SoVITS: a WAV header, whose sizes mean nothing, and samples."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xy_core.core.errors import SpeechServerError

SILENT_RATE = 16_000
"""Hertz, and samples: what the server sends for speech when it failed is one second of zeros at a
rate that none of its models has (see ``TTS.run`` in its ``TTS_infer_pack``)."""
_RATES = {16_000, 24_000, 32_000, 44_100, 48_000}
_MAX_HEADER = 4_096
_MAX_BYTES = 100 * 2**20
_FULL_SCALE = np.float32(32_768)
_CHUNK_HEADER = 8
_PCM, _EXTENSIBLE = 1, 0xFFFE


@dataclass(frozen=True, slots=True)
class Sound:
    """Some samples, float32 of shape (n,), and their rate in hertz."""

    samples: NDArray[np.float32]
    rate: int


def read_sound(pieces: Iterator[bytes], *, silence: float) -> Iterator[Sound]:
    """Read an answer while it comes.

    What arrived before an error is yielded before the error is raised.

    Args:
        pieces: the bytes, cut anywhere.
        silence: seconds of zeros that may well be at the end.

    Raises:
        SpeechServerError: it is no sound, silent, too long, or broken off.
    """
    rate, rest = _header(pieces)
    if rate == SILENT_RATE:
        # Not one sample of it is speech; the bytes are read only to name the case.
        raise _silent(rest, pieces)
    zeros = total = 0
    for piece in _chain(rest, pieces):
        total += len(piece)
        if total > _MAX_BYTES:
            raise SpeechServerError("the speech server does not come to an end: restart it")
        rest = piece if total == len(piece) else rest + piece
        whole = len(rest) // 2 * 2
        samples = np.frombuffer(rest[:whole], "<i2")
        rest = rest[whole:]
        zeros = _zeros_at_end(samples, zeros)
        if len(samples):
            yield Sound(samples.astype(np.float32) / _FULL_SCALE, rate)
    if total == 0:
        raise SpeechServerError("the speech server sent a header and no sound: look at its log")
    if rest:
        raise SpeechServerError("the speech server broke off within a sample: look at its log")
    if zeros >= SILENT_RATE and zeros > silence * rate:
        raise SpeechServerError(
            "the speech server failed while it spoke and went on with silence: look at its log"
        )


def _chain(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from pieces


def _header(pieces: Iterator[bytes]) -> tuple[int, bytes]:
    """Read up to the samples; return the rate and the bytes that came with the header."""
    data = b""
    for piece in pieces:
        data += piece
        found = _format(data)
        if found:
            return found
        if len(data) > _MAX_HEADER:
            break
    if not data:
        raise SpeechServerError("the speech server sent nothing: look at its log")
    raise SpeechServerError(
        "the speech server sent no WAV file: is it api_v2.py that listens there?"
    )


def _format(data: bytes) -> tuple[int, bytes] | None:
    """The rate and what follows the header; None while it is not complete."""
    if not data.startswith(b"RIFF"[: len(data)]):
        raise SpeechServerError(
            "the speech server sent no WAV file: is it api_v2.py that listens there?"
        )
    at, rate = 12, 0
    while len(data) >= at + _CHUNK_HEADER:
        name, size = struct.unpack_from("<4sI", data, at)
        at += _CHUNK_HEADER
        if name == b"data":
            return _believed(rate), data[at:]
        if name == b"fmt " and len(data) >= at + 16:
            coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, at)
            if coding not in {_PCM, _EXTENSIBLE} or channels != 1 or bits != 16:  # noqa: PLR2004 - bits a sample
                raise SpeechServerError(
                    f"the speech server sent {channels} channels of {bits} bits (coding {coding}), "
                    "not one of 16: use its own api_v2.py"
                )
        at += size + size % 2
    return None


def _believed(rate: int) -> int:
    if rate not in _RATES:
        raise SpeechServerError(f"the speech server sent sound at {rate} Hz, which none has")
    return rate


def _silent(first: bytes, pieces: Iterator[bytes]) -> SpeechServerError:
    data = first
    for piece in pieces:
        data += piece
        if len(data) > 2 * SILENT_RATE:
            break
    if len(data) == 2 * SILENT_RATE and not any(data):
        return SpeechServerError(
            "the speech server failed and sent one second of silence for speech: "
            "look at its log, and check the reference recording's path on the server"
        )
    return SpeechServerError(
        f"the speech server sent sound at {SILENT_RATE} Hz, which none of its models has"
    )


def _zeros_at_end(samples: NDArray[np.int16], before: int) -> int:
    sounding = np.flatnonzero(samples)
    return before + len(samples) if not len(sounding) else len(samples) - 1 - int(sounding[-1])
