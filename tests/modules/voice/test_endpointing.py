"""Where speech begins and ends: by the samples alone, whatever the pieces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xy_core.core.errors import AudioError
from xy_core.modules.voice import (
    Audio,
    EndpointConfig,
    Endpointer,
    SpeechEnded,
    SpeechStarted,
    read_audio,
)
from xy_core.modules.voice.backends.silero import SileroDetector
from xy_core.modules.voice.endpointing import RATE, WINDOW


class LoudIsSpeech:
    """Takes a window's peak for the probability of speech."""

    def probability(self, window):
        return float(np.abs(window).max())

    def reset(self):
        pass


def sound(likely):
    """One window for each probability."""
    return np.repeat(np.array(likely, np.float32), WINDOW)


def run(samples, config=None, cuts=()):
    endpointer = Endpointer(LoudIsSpeech(), config or SHORT)
    events = []
    for piece in np.split(samples, sorted(cuts)):
        events += endpointer.feed(Audio(piece, RATE))
    return events + endpointer.flush()


W = WINDOW / RATE
SHORT = EndpointConfig(silence=3 * W, min_speech=2 * W, pre_roll=2 * W)


def test_an_utterance_has_its_pre_roll_and_not_its_silence():
    likely = [0, 0, 0, 0, 0.9, 0.9, 0.8, 0.7, 0, 0, 0, 0]
    started, ended = run(sound(likely))
    assert started == SpeechStarted(2 * W)
    assert (ended.start, ended.end, ended.forced) == (2 * W, 8 * W, False)
    assert np.array_equal(ended.audio.samples, sound(likely[2:8]))
    assert ended.audio.rate == RATE


def test_it_is_told_as_soon_as_it_is_certain():
    endpointer = Endpointer(LoudIsSpeech(), SHORT)
    assert endpointer.feed(Audio(sound([0, 0.9]), RATE)) == []
    assert endpointer.feed(Audio(sound([0.9]), RATE)) == [SpeechStarted(0)]
    assert endpointer.speaking
    assert endpointer.seconds == pytest.approx(3 * W)
    assert endpointer.utterance.seconds == pytest.approx(3 * W)
    assert endpointer.feed(Audio(sound([0, 0]), RATE)) == []
    (ended,) = endpointer.feed(Audio(sound([0]), RATE))
    assert ended.end == pytest.approx(3 * W)
    assert not endpointer.speaking


@pytest.mark.parametrize(
    ("likely", "kinds"),
    [
        ([0, 0.9, 0, 0.9, 0, 0.9, 0], []),  # clicks
        ([0.9, 0.9, 0, 0, 0.9, 0, 0, 0], [SpeechStarted, SpeechEnded]),  # a short pause
        ([0.9, 0.9, 0.4, 0.4, 0.4, 0.4, 0.9], [SpeechStarted, SpeechEnded]),  # never quite silent
        ([], []),
        ([0.9, 0.9, 0, 0, 0, 0.9, 0.9], [SpeechStarted, SpeechEnded] * 2),
    ],
)
def test_noises_and_pauses(likely, kinds):
    assert [type(event) for event in run(sound(likely))] == kinds


def test_endless_speech_is_cut_and_nothing_is_lost():
    config = EndpointConfig(silence=3 * W, min_speech=0, pre_roll=0, max_speech=40 * W)
    ended = [event for event in run(sound([0.9] * 100), config) if isinstance(event, SpeechEnded)]
    assert [one.forced for one in ended] == [True] * 3
    assert sum(len(one.audio.samples) for one in ended) == 100 * WINDOW


def test_the_end_of_the_stream_ends_the_utterance_and_makes_it_new():
    endpointer = Endpointer(LoudIsSpeech(), SHORT)
    for _ in range(2):
        assert [type(event) for event in endpointer.feed(Audio(sound([0.9] * 3), RATE))] == [
            SpeechStarted
        ]
        (ended,) = endpointer.flush()
        assert (ended.start, ended.forced) == (0, True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.4, 0.9]), max_size=40), st.data())
def test_how_the_sound_is_cut_into_pieces_changes_nothing(likely, data):
    samples = sound(likely)
    cuts = data.draw(st.lists(st.integers(0, len(samples)), max_size=12))

    def seen(events):
        nothing = Audio.silence(0, RATE)
        return [
            (type(event), event.start, getattr(event, "audio", nothing).samples.tobytes())
            for event in events
        ]

    assert seen(run(samples, cuts=cuts)) == seen(run(samples))
    ended = [event for event in run(samples) if isinstance(event, SpeechEnded)]
    assert all(one.end <= two.start for one, two in itertools.pairwise(ended))


def test_another_rate_within_a_stream_is_refused_and_loses_nothing():
    endpointer = Endpointer(LoudIsSpeech(), SHORT)
    endpointer.feed(Audio(sound([0.9] * 3), RATE))
    with pytest.raises(AudioError, match="use one endpointer a stream"):
        endpointer.feed(Audio.silence(1, 48_000))
    assert endpointer.speaking


@pytest.mark.parametrize("rate", [16_000, 48_000, 44_100])
def test_real_speech_at_any_rate(samples, rate):
    speech = read_audio(samples / "sad_news.wav")
    stream = Audio.concat([Audio.silence(1, 16_000), speech, Audio.silence(1.5, 16_000)])
    endpointer = Endpointer(SileroDetector())
    events = []
    for piece in np.array_split(stream.resampled(rate).samples, 50):
        events += endpointer.feed(Audio(piece, rate))
    assert isinstance(events[0], SpeechStarted)
    assert isinstance(events[-1], SpeechEnded)
    assert events[0].start == pytest.approx(1, abs=0.4)
    assert events[-1].end == pytest.approx(1 + speech.seconds, abs=0.5)


def test_noise_and_silence_are_nobody_speaking():
    noise = np.random.default_rng(0).normal(0, 0.02, 3 * RATE).astype(np.float32)
    endpointer = Endpointer(SileroDetector())
    assert endpointer.feed(Audio(noise, RATE)) == []
    assert endpointer.flush() == []
