"""The reference voices of GPT-SoVITS: what is checked before they are used."""

from __future__ import annotations

import numpy as np
import pytest

from xy_core.core.errors import ConfigError
from xy_core.modules.voice import Audio, VoiceStyle, write_wav
from xy_core.modules.voice.references import ReferenceBank

BANK = """
[neutral]
audio = "neutral.wav"
text = "It is four o'clock."
language = "en"

[joy]
audio = "joy.wav"
text = "What a lovely day."
language = "en"
server_path = "/srv/voices/joy.wav"
"""


def tone(seconds: float, gain: float = 0.3) -> Audio:
    t = np.arange(round(16_000 * seconds)) / 16_000
    return Audio((gain * np.sin(2 * np.pi * 200 * t)).astype(np.float32), 16_000)


@pytest.fixture
def file(tmp_path):
    write_wav(tmp_path / "neutral.wav", tone(4))
    write_wav(tmp_path / "joy.wav", tone(5))
    (tmp_path / "voices.toml").write_text(BANK)
    return tmp_path / "voices.toml"


def test_each_emotion_has_its_recording_and_others_the_neutral_one(file):
    bank = ReferenceBank.load(file)
    assert bank.choose(VoiceStyle(emotion="joy")).as_request() == {
        "ref_audio_path": "/srv/voices/joy.wav",
        "prompt_text": "What a lovely day.",
        "prompt_lang": "en",
    }
    plain = bank.choose(VoiceStyle(emotion="anger"))
    assert plain.as_request()["ref_audio_path"] == str(file.parent / "neutral.wav")


@pytest.mark.parametrize(
    ("seconds", "gain", "why"),
    [
        (2.9, 0.3, r"joy\.wav lasts 2\.9 s: cut it to 3 to 10 s"),
        (10.1, 0.3, "cut it to 3 to 10 s"),
        (70, 0.3, "joy"),
        (5, 0.001, "is silent: record it again"),
    ],
)
def test_a_recording_that_does_not_serve_is_named(file, seconds, gain, why):
    write_wav(file.parent / "joy.wav", tone(seconds, gain))
    with pytest.raises(ConfigError, match=why):
        ReferenceBank.load(file)


@pytest.mark.parametrize("content", [None, b"", b"RIFF but no sound"])
def test_a_file_that_is_no_recording_is_named(file, content):
    (file.parent / "joy.wav").unlink()
    if content is not None:
        (file.parent / "joy.wav").write_bytes(content)
    with pytest.raises(ConfigError, match=r"joy: .*joy\.wav"):
        ReferenceBank.load(file)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("[neutral]", "[sadness]", r"add a \[neutral\] table"),
        ('text = "What a lovely day."', 'text = " "', "write down what is said"),
        ('text = "What a lovely day."', "", "text"),
        ('language = "en"', 'language = "klingon"', "language"),
        ("[joy]", "[joy", "not valid TOML"),
        ("server_path", "sever_path", "sever_path"),
        ("[joy]", "pitch = 3\n[joy]", "pitch"),
    ],
)
def test_a_bank_that_is_not_one_is_refused(file, old, new, why):
    file.write_text(BANK.replace(old, new, 1))
    with pytest.raises(ConfigError, match=why):
        ReferenceBank.load(file)


def test_a_missing_bank_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        ReferenceBank.load(tmp_path / "voices.toml")
