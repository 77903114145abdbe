"""Boundaries of speech by the samples alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.voice import read_audio
from xy_core.modules.voice.endpoint import (
    FRAME,
    RATE,
    Boundary,
    Endpointer,
    SpeechEnded,
    SpeechStarted,
)

SPANS = st.lists(st.tuples(st.integers(1, 30), st.sampled_from([0, 0.9])))


def loud(frame: np.ndarray) -> float:
    """A judge that takes any sound for speech."""
    return float(np.abs(frame).max())


def sound(*spans: tuple[int, float]) -> np.ndarray:
    """Samples of so many frames each, at these levels."""
    return np.concatenate([np.full(count * FRAME, level, np.float32) for count, level in spans])


def boundaries(samples: np.ndarray, piece: int = RATE, **options: float) -> list[Boundary]:
    pointer = Endpointer(judge=loud, **options)
    pieces = (samples[start : start + piece] for start in range(0, len(samples), piece))
    return [boundary for one in pieces for boundary in pointer.feed(one)]


def test_a_word_between_silences():
    found = boundaries(sound((10, 0.0), (20, 0.9), (40, 0.0)))
    assert found == [SpeechStarted(10 * FRAME), SpeechEnded(30 * FRAME)]


def test_a_click_is_no_word_and_a_breath_is_no_end():
    assert boundaries(sound((10, 0.0), (1, 0.9), (40, 0.0))) == []
    found = boundaries(sound((5, 0.9), (10, 0.0), (5, 0.9), (5, 0.0)))
    assert found == [SpeechStarted(0)]


def test_a_voice_at_the_threshold_does_not_flicker():
    assert boundaries(sound((5, 0.6), (60, 0.4), (5, 0.6))) == [SpeechStarted(0)]


@pytest.mark.parametrize("silence", [0.1, 0.5, 1.0])
def test_silence_ends_a_turn_after_the_time_that_is_asked_for(silence: float):
    frames = round(silence * RATE / FRAME)
    assert len(boundaries(sound((5, 0.9), (frames - 1, 0.0)), silence=silence)) == 1
    assert len(boundaries(sound((5, 0.9), (frames, 0.0)), silence=silence)) == 2


@given(st.integers(1, 3 * FRAME), SPANS)
def test_how_the_sound_is_cut_into_pieces_changes_nothing(piece: int, spans: list):
    samples = sound((1, 0.0), *spans)
    assert boundaries(samples, piece) == boundaries(samples, len(samples))


@given(SPANS)
def test_starts_and_ends_take_turns(spans: list):
    found = boundaries(sound((1, 0.0), *spans))
    kinds = [type(one) for one in found]
    assert kinds == ([SpeechStarted, SpeechEnded] * len(found))[: len(found)]
    assert [one.sample for one in found] == sorted(one.sample for one in found)


def test_a_real_voice_is_found_and_noise_is_not(samples: Path):
    audio = read_audio(samples / "sad_news.wav", 60).resampled(RATE)
    silence = np.zeros(RATE, np.float32)
    found = list(Endpointer().feed(np.concatenate([silence, audio.samples, silence])))
    assert isinstance(found[0], SpeechStarted)
    assert isinstance(found[-1], SpeechEnded)
    assert abs(found[0].sample / RATE - 1) < 0.5  # it is quiet for a moment
    noise = np.random.default_rng(1).normal(0, 0.02, 3 * RATE).astype(np.float32)
    assert not list(Endpointer().feed(noise))
