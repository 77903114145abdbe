"""SenseVoice: what its tokens say, and what happens without its library or its files."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.modules.held import TIMES, nothing_left
from tests.modules.voice.tone_models import LOW, RATE, make_sense_voice, tones
from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.emotion import Emotion
from xy_core.modules.emotion.speech.sense_voice import SenseVoiceReader, evidence_of


@pytest.mark.parametrize(
    ("token", "emotion"),
    [
        ("<|HAPPY|>", Emotion.JOY),
        ("<|SAD|>", Emotion.SADNESS),
        ("<|ANGRY|>", Emotion.ANGER),
        ("<|FEARFUL|>", Emotion.FEAR),
        ("<|SURPRISED|>", Emotion.SURPRISE),
        ("<|DISGUSTED|>", Emotion.DISGUST),
        ("<|NEUTRAL|>", Emotion.NEUTRAL),
    ],
)
def test_tokens_name_emotions(token, emotion):
    evidence = evidence_of(token)
    assert evidence is not None
    assert max(evidence.probabilities, key=lambda one: evidence.probabilities[one]) is emotion
    assert sum(evidence.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("token", ["<|EMO_UNKNOWN|>", "", "<||>", "happy to help"])
def test_other_tokens_say_nothing(token):
    assert evidence_of(token) is None


def test_a_missing_library_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(MissingExtraError, match=r"xy-core\[sense-voice\]"):
        SenseVoiceReader(tmp_path, 1, 30).load()


@pytest.mark.parametrize("files", [(), ("model.onnx",), ("tokens.txt",)])
def test_missing_files_are_named(tmp_path, files):
    pytest.importorskip("sherpa_onnx")
    for name in files:
        (tmp_path / name).write_text("")
    with pytest.raises(BackendError, match=r"\*\.onnx and tokens\.txt"):
        SenseVoiceReader(tmp_path, 1, 30).load()


def test_a_reader_that_is_not_loaded_refuses(tmp_path):
    with pytest.raises(BackendError, match="not loaded"):
        SenseVoiceReader(tmp_path, 1, 30).read("ann", np.zeros(16_000, np.float32), 16_000)


def test_a_voice_is_read_by_a_model_of_the_real_class_and_nothing_is_left(tmp_path):
    pytest.importorskip("sherpa_onnx")
    folder = make_sense_voice(tmp_path)

    def use():
        reader = SenseVoiceReader(folder, 1, 30)
        reader.load()
        heard = reader.read("ann", tones((LOW, 1.0)).samples, RATE)
        assert heard is not None
        assert max(heard.probabilities, key=lambda one: heard.probabilities[one]) is Emotion.NEUTRAL
        assert reader.read("ann", np.zeros(10, np.float32), RATE) is None
        reader.close()

    use()
    with nothing_left():
        for _ in range(TIMES):
            use()
