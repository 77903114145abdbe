"""What every engine that hears must do: the same tests over each."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from tests.modules.held import TIMES, nothing_left
from tests.modules.voice.tone_models import make_sense_voice, make_streaming_ctc
from tests.modules.voice.tone_streams import make_streaming_paraformer, make_streaming_zipformer
from tests.modules.voice.tone_transducers import (
    make_paraformer,
    make_streaming_transducer,
    make_transducer,
)
from xy_core.core.cancellation import CancelToken, current_token
from xy_core.core.errors import AudioError, BackendError, TaskCancelled
from xy_core.modules.voice import Audio, read_audio
from xy_core.modules.voice.backends.live_streams import MOST
from xy_core.modules.voice.backends.sherpa_models import is_streaming
from xy_core.modules.voice.backends.sherpa_offline import SherpaTranscriber
from xy_core.modules.voice.backends.sherpa_online import SherpaStreamer
from xy_core.modules.voice.backends.whisper import WhisperTranscriber
from xy_core.modules.voice.config import TranscriberConfig

SHERPA = {
    "sense-voice": make_sense_voice,
    "transducer": make_transducer,
    "paraformer": make_paraformer,
    "streaming-nemo-ctc": make_streaming_ctc,
    "streaming-transducer": make_streaming_transducer,
    "streaming-zipformer-ctc": make_streaming_zipformer,
    "streaming-paraformer": make_streaming_paraformer,
}
UNTIMED = {"streaming-paraformer"}
"""Kinds whose library tells the text of an utterance, but not when each word was said."""
ENGINES = [
    pytest.param("whisper", marks=pytest.mark.models),
    *SHERPA,
]


def make(kind, request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind)
    if kind == "whisper":
        store = request.getfixturevalue("model_store")
        config = TranscriberConfig(beam_size=1, word_times=True)
        return WhisperTranscriber(store.get(config.id).directory, config, 2)
    config = TranscriberConfig(engine="sherpa", kind=kind)
    kind_of_engine = SherpaStreamer if is_streaming(kind) else SherpaTranscriber
    return kind_of_engine(SHERPA[kind](folder), config, 1)


@pytest.fixture(scope="module", params=ENGINES)
def fresh(request, tmp_path_factory):
    """An engine that is not loaded."""
    return functools.partial(make, request.param, request, tmp_path_factory)


@pytest.fixture(scope="module")
def engine(fresh):
    made = fresh()
    with pytest.raises(BackendError, match="not loaded"):
        made.transcribe(Audio.silence(1, 16_000))
    with pytest.raises(BackendError, match="not loaded"):
        made.begin()
    made.load()
    made.load()
    yield made
    made.close()
    made.close()
    with pytest.raises(BackendError, match="not loaded"):
        made.transcribe(Audio.silence(1, 16_000))


@pytest.fixture(scope="module")
def speech(samples):
    return read_audio(samples / "sad_news.wav")


def pieces(audio, seconds=0.25):
    size = round(seconds * audio.rate)
    for start in range(0, len(audio.samples), size):
        yield Audio(audio.samples[start : start + size], audio.rate)


@pytest.fixture(scope="module")
def timed(fresh):
    """Whether the engine tells when a word was said."""
    return fresh.args[0] not in UNTIMED


def check(transcript, start, end, *, timed):
    """A transcript is in order, inside its bounds, and as certain as can be."""
    assert transcript.language in {"en", "zh"}
    assert 0 <= transcript.language_confidence <= 1
    assert 0 <= transcript.confidence <= 1
    words = [word for segment in transcript.segments for word in segment.words]
    assert bool(words) is timed
    assert transcript.text
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert all(start - 0.1 <= time <= end + 0.7 for time in times)
    assert all(word.text == word.text.strip() != "" for word in words)


def test_a_recording_is_written_down(engine, speech, timed):
    heard = engine.transcribe(speech)
    assert heard.text
    check(heard, 0, speech.seconds, timed=timed)
    assert engine.transcribe(speech, "en").language == "en"


@pytest.mark.parametrize("samples", [0, 1, 100, 16_000])
def test_nobody_speaks_in_silence(engine, samples):
    assert engine.transcribe(Audio(np.zeros(samples, np.float32), 16_000)).text == ""


def test_a_stream_is_understood_while_it_goes_on(engine, speech, timed):
    number = engine.begin("en")
    heard = [engine.hear(number, piece) for piece in pieces(speech)]
    going_on = list(itertools.chain(*heard))
    assert any(not one.final for one in going_on)
    finals = [one for one in going_on if one.final] + list(engine.end(number))
    assert finals
    for one in finals:
        assert one.final
        assert one.agreed == len(one.transcript.text)
        check(one.transcript, 0, speech.seconds, timed=timed)
    assert all(0 <= one.agreed <= len(one.transcript.text) for one in going_on)
    with pytest.raises(BackendError, match="no live recognition"):
        engine.hear(number, speech)


def test_one_long_piece_and_a_pause_are_an_utterance(engine, speech):
    number = engine.begin()
    pause = Audio.silence(3, speech.rate)
    heard = engine.hear(number, Audio.concat([pause, speech, pause]))
    assert any(one.final for one in heard)
    engine.abandon(number)


def test_a_stream_of_silence_says_nothing(engine):
    number = engine.begin()
    assert engine.hear(number, Audio.silence(2, 8_000)) == ()
    with pytest.raises(AudioError, match="8000"):
        engine.hear(number, Audio.silence(1, 16_000))
    assert engine.end(number) == ()


def test_streams_are_bounded_and_given_back(engine):
    numbers = [engine.begin() for _ in range(MOST)]
    with pytest.raises(BackendError, match="end one of them"):
        engine.begin()
    for number in numbers:
        engine.abandon(number)
        engine.abandon(number)
    engine.abandon(engine.begin())
    with pytest.raises(BackendError, match="no live recognition"):
        engine.end(numbers[0])


def test_a_cancelled_recognition_ends_and_leaves_nothing(engine, speech):
    long = Audio.concat([speech] * 4)

    def use():
        number = engine.begin()
        token = CancelToken()
        token.cancel()
        before = current_token.set(token)
        try:
            for hear in (lambda: engine.transcribe(long), lambda: engine.hear(number, long)):
                with pytest.raises(TaskCancelled):
                    hear()
        finally:
            current_token.reset(before)
            engine.abandon(number)

    use()
    with nothing_left():
        for _ in range(TIMES):
            use()
    assert engine.transcribe(speech).text


def test_opening_and_closing_leaves_nothing(fresh, speech):
    def use():
        made = fresh()
        made.load()
        made.transcribe(speech)
        made.begin()
        made.close()

    use()
    with nothing_left():
        for _ in range(TIMES):
            use()
