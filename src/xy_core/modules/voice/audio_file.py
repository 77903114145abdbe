"""Audio files, read without trusting them and written without leaving halves."""

from __future__ import annotations

import os
import struct
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from xy_core.core.errors import AudioError
from xy_core.core.files import atomic_path
from xy_core.modules.voice.libraries import library
from xy_core.modules.voice.types import Audio

MAX_SECONDS = 120.0
_MAX_CHANNELS = 8
_MAX_CHUNKS = 1_000  # before the samples
_RATES = range(4_000, 192_001)
_STREAMED = {0, 0x7FFFFFFF, 0xFFFFFFFF}  # sizes written by programs that stream to a pipe


def read_audio(path: Path, max_seconds: float = MAX_SECONDS) -> Audio:
    """Read a WAV, FLAC, OGG or MP3 file; channels are averaged.

    Never reads more than `max_seconds`, whatever the file's header promises.

    Raises:
        AudioError: missing, not audio, damaged, truncated, empty or too long.
        MissingExtraError: soundfile is not installed.
    """
    soundfile = library("soundfile")
    try:
        if not path.is_file():
            raise AudioError(f"{path}: there is no such file: check the path")
        with path.open("rb", buffering=0) as file:  # the library reads on from its descriptor
            _check_complete(file, path)
            with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
                return _decode(sound, path, max_seconds)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: not audio that can be read ({error.error_string}): "
            "give a WAV, FLAC, OGG or MP3 file"
        ) from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path}: cannot be read: {error}") from error


def write_wav(path: Path, audio: Audio) -> None:
    """Write a 16-bit PCM WAV file; samples beyond [-1, 1] are clipped.

    The file appears complete or not at all.

    Raises:
        InputError: the file cannot be written.
        MissingExtraError: soundfile is not installed.
    """
    soundfile = library("soundfile")
    clipped = np.clip(audio.samples, -1.0, 1.0)
    with atomic_path(path) as part:
        soundfile.write(part, clipped, audio.rate, subtype="PCM_16", format="WAV")


def _check_complete(file: FileIO, path: Path) -> None:
    """Refuse an empty file, and a WAV file that is shorter than its data chunk says.

    libsndfile corrects such a header silently, so that a broken download would pass for a short
    recording.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes)")
    if file.read(4) == b"RIFF" and file.read(8)[4:] == b"WAVE":
        for _ in range(_MAX_CHUNKS):
            header = file.read(8)
            if len(header) < 8:  # noqa: PLR2004 - a chunk's id and size
                break
            length = struct.unpack("<I", header[4:])[0]
            if header[:4] == b"data":
                missing = file.tell() + length - size
                if missing > 0 and length not in _STREAMED:
                    raise AudioError(
                        f"{path}: truncated: {missing:,} of its {length:,} bytes are missing"
                    )
                break
            file.seek(length + length % 2, os.SEEK_CUR)
    file.seek(0)


def _decode(sound: Any, path: Path, max_seconds: float) -> Audio:  # noqa: ANN401 - untyped library
    """Decode, in bounded memory, an open file."""
    rate = sound.samplerate
    if sound.channels > _MAX_CHANNELS or rate not in _RATES:
        raise AudioError(
            f"{path}: {sound.channels} channels at {rate} Hz: give at most {_MAX_CHANNELS} "
            f"channels at {_RATES.start} to {_RATES.stop - 1} Hz"
        )
    limit = int(max_seconds * rate)
    blocks = []
    count = 0
    while len(block := sound.read(rate, dtype="float32", always_2d=True)):
        count += len(block)
        if count > limit:
            raise AudioError(
                f"{path}: longer than the limit of {max_seconds:g} s: cut it into shorter files"
            )
        blocks.append(block.mean(axis=1))
    if not blocks:
        raise AudioError(f"{path}: there is no sound in the file")
    samples = np.concatenate(blocks)
    if not np.isfinite(samples).all():
        raise AudioError(f"{path}: has samples that are not numbers: export it as 16-bit PCM")
    return Audio(np.clip(samples, -1.0, 1.0), rate)
