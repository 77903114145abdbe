"""sherpa-onnx: what its models hear, and what happens when their files are not there."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.modules.voice.tone_models import (
    HIGH,
    LOW,
    make_sense_voice,
    make_streaming_ctc,
    tones,
)
from tests.modules.voice.tone_streams import make_streaming_paraformer, make_streaming_zipformer
from tests.modules.voice.tone_transducers import (
    make_paraformer,
    make_streaming_transducer,
    make_transducer,
)
from xy_core.core.errors import BackendError, MissingExtraError
from xy_core.modules.voice.backends.sherpa_offline import SherpaTranscriber
from xy_core.modules.voice.backends.sherpa_online import SherpaStreamer
from xy_core.modules.voice.config import TranscriberConfig


def offline(folder, kind="sense-voice"):
    return SherpaTranscriber(folder, TranscriberConfig(engine="sherpa", kind=kind), 1)


def online(folder, kind="streaming-nemo-ctc"):
    return SherpaStreamer(folder, TranscriberConfig(engine="sherpa", kind=kind), 1)


ENGINES = {
    "sense-voice": (offline, make_sense_voice),
    "transducer": (offline, make_transducer),
    "paraformer": (offline, make_paraformer),
    "streaming-nemo-ctc": (online, make_streaming_ctc),
    "streaming-transducer": (online, make_streaming_transducer),
    "streaming-zipformer-ctc": (online, make_streaming_zipformer),
}


@pytest.mark.parametrize("kind", ENGINES)
def test_each_kind_hears_words_in_their_order(tmp_path, kind):
    open_, make = ENGINES[kind]
    engine = open_(make(tmp_path), kind)
    engine.load()
    heard = engine.transcribe(tones((0, 0.5), (HIGH, 0.6), (0, 0.5), (LOW, 0.6)))
    assert (heard.text, heard.language) == ("high low", "en")
    high, low = heard.segments[0].words
    assert (high.text, low.text) == ("high", "low")
    assert high.start == pytest.approx(0.5, abs=0.15)
    assert low.start == pytest.approx(1.6, abs=0.15)


def paraformer(tmp_path, **values):
    engine = offline(make_paraformer(tmp_path, **values), "paraformer")
    engine.load()
    return engine.transcribe(tones((0, 0.5), (HIGH, 0.6), (0, 0.5), (LOW, 0.6)))


def test_paraformer_s_pieces_of_words_are_joined(tmp_path):
    heard = paraformer(tmp_path, high="high@@")
    assert [word.text for word in heard.segments[0].words] == [heard.text] == ["highlow"]


def test_a_streaming_paraformer_tells_no_times(tmp_path):
    engine = online(make_streaming_paraformer(tmp_path), "streaming-paraformer")
    engine.load()
    heard = engine.transcribe(tones((0, 0.5), (HIGH, 0.6), (0, 0.5), (LOW, 0.6)))
    assert heard.text == "high low"
    assert heard.segments[0].words == ()


def test_each_chinese_character_is_a_word(tmp_path):
    heard = paraformer(tmp_path, high="高")
    assert heard.language == "zh"
    assert [word.text for word in heard.segments[0].words] == ["高", "low"]


def test_a_paraformer_that_tells_no_times_gives_its_text_alone(tmp_path):
    heard = paraformer(tmp_path, times=False)
    assert heard.text == "high low"
    assert heard.segments[0].words == ()


def test_a_streaming_model_grows_its_text_and_ends_utterances_at_pauses(tmp_path):
    engine = online(make_streaming_ctc(tmp_path))
    engine.load()
    number = engine.begin()
    (low,) = engine.hear(number, tones((0, 0.5), (LOW, 0.6), (0, 0.5)))
    assert (low.transcript.text, low.final) == ("low", False)
    (both,) = engine.hear(number, tones((HIGH, 0.6), (0, 0.4)))
    assert (both.transcript.text, both.agreed) == ("low high", len("low"))
    (final,) = engine.hear(number, tones((0, 2.0)))
    assert (final.transcript.text, final.final) == ("low high", True)
    (second,) = engine.hear(number, tones((HIGH, 0.5), (0, 0.4)))
    assert second.transcript.text == "high"
    assert second.transcript.segments[0].start > 3
    (last,) = engine.end(number)
    assert (last.transcript.text, last.final) == ("high", True)


@pytest.mark.parametrize("make", [offline, online])
def test_missing_and_broken_files_are_named(tmp_path, make):
    with pytest.raises(BackendError, match=r"has no .*model"):
        make(tmp_path).load()
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(BackendError, match=r"has no tokens\.txt"):
        make(tmp_path).load()
    (tmp_path / "tokens.txt").write_text("a 0\n")
    with pytest.raises(BackendError, match="cannot load"):
        make(tmp_path).load()


def test_a_missing_library_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(MissingExtraError, match=r"xy-core\[voice\]"):
        offline(tmp_path).load()


def test_noise_never_breaks_a_stream(tmp_path):
    engine = online(make_streaming_ctc(tmp_path))
    engine.load()
    number = engine.begin()
    noise = np.random.default_rng(0)
    for length in (0, 1, 7, 1_600, 16_000, 3):
        audio = tones((0, 1))
        samples = noise.normal(0, 0.2, length).astype(np.float32)
        engine.hear(number, type(audio)(samples, audio.rate))
    engine.end(number)
