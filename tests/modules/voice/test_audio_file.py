import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xy_core.core.errors import AudioError, InputError
from xy_core.modules.voice import Audio, read_audio, write_wav

TONE = np.sin(np.linspace(0, 440 * 2 * np.pi, 16_000)).astype(np.float32) * 0.5


def wav_header(data_bytes: int, rate: int = 16_000, channels: int = 1) -> bytes:
    block = channels * 2
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * block, block, 16)
    return (
        b"RIFF" + struct.pack("<I", (36 + data_bytes) % 2**32) + b"WAVEfmt "
        + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", data_bytes)
    )  # fmt: skip


def test_what_is_written_is_read_again(tmp_path: Path):
    path = tmp_path / "new" / "tone.wav"
    write_wav(path, Audio(TONE, 16_000))
    audio = read_audio(path)
    assert audio.rate == 16_000
    assert np.abs(audio.samples - TONE).max() < 1e-3
    assert [file.name for file in path.parent.iterdir()] == ["tone.wav"]


def test_loud_samples_are_clipped(tmp_path: Path):
    write_wav(tmp_path / "loud.wav", Audio(np.full(100, 3.0, np.float32), 8_000))
    assert read_audio(tmp_path / "loud.wav").samples.max() <= 1.0


def test_channels_are_averaged(tmp_path: Path):
    left, right = np.full(800, 8_000, "<i2"), np.full(800, -8_000, "<i2")
    path = tmp_path / "stereo.wav"
    path.write_bytes(wav_header(3_200, channels=2) + np.stack([left, right], 1).tobytes())
    assert np.abs(read_audio(path).samples).max() < 1e-4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"this is a text\n" * 20, "not audio"),
        (wav_header(3 * 3_600 * 32_000), "truncated"),
        (wav_header(32_000) + b"\0" * 1_000, "truncated"),
        (wav_header(0), "no sound"),
        (wav_header(32_000)[:20], "not audio"),
        (wav_header(2_000, rate=1) + b"\0" * 2_000, "Hz"),
        (wav_header(2_000, channels=100) + b"\0" * 2_000, "channels"),
    ],
    ids=["missing", "empty", "text", "3-hours", "cut", "silent", "half-header", "1-Hz", "100-ch"],
)
def test_bad_files_are_refused_in_words(tmp_path: Path, content: bytes | None, words: str):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioError, match=words) as caught:
        read_audio(path)
    assert "\n" not in str(caught.value)
    assert "bad.wav" in str(caught.value)


def test_a_folder_is_not_audio(tmp_path: Path):
    with pytest.raises(AudioError):
        read_audio(tmp_path)


def test_a_long_recording_is_refused_without_reading_it_all(tmp_path: Path):
    path = tmp_path / "long.wav"
    write_wav(path, Audio(np.zeros(16_000 * 3, np.float32), 16_000))
    with pytest.raises(AudioError, match="longer than the limit of 2 s"):
        read_audio(path, 2)


def test_an_unwritable_target_leaves_nothing(tmp_path: Path):
    blocker = tmp_path / "file"
    blocker.write_text("x")
    with pytest.raises(InputError, match="cannot write"):
        write_wav(blocker / "tone.wav", Audio(TONE, 16_000))
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 200), noise=st.binary(max_size=64))
def test_damaged_files_raise_nothing_else(tmp_path_factory, cut: int, noise: bytes):
    path = tmp_path_factory.mktemp("damaged") / "a.wav"
    whole = wav_header(400) + TONE[:200].tobytes()[:400]
    path.write_bytes(whole[:cut] + noise + whole[cut + len(noise) :])
    try:
        audio = read_audio(path)
    except AudioError:
        return
    assert np.isfinite(audio.samples).all()
