"""Pitch, loudness, pace and pauses, measured on sounds of which they are known."""

from __future__ import annotations

import numpy as np
import pytest

from xy_core.core.errors import BackendError
from xy_core.modules.emotion.speech.features import SpeechFeatures, measure
from xy_core.modules.emotion.speech.pitch import PitchTracker

RATE = 16_000


@pytest.fixture(scope="module")
def tracker() -> PitchTracker:
    tracker = PitchTracker(1)
    tracker.load()
    tracker.load()  # harmless
    return tracker


def babble(hertz: float, syllables: int, seconds: float, gain: float = 0.3) -> np.ndarray:
    """Return a buzz like a voice's, swelling once a syllable and silent between them."""
    t = np.arange(round(RATE * seconds)) / RATE
    buzz = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 12))
    swell = np.clip(np.sin(np.pi * ((t * syllables / seconds) % 1)) * 1.6 - 0.4, 0.0, 1.0)
    return (gain * buzz * swell / 2).astype(np.float32)


def features(tracker: PitchTracker, samples: np.ndarray) -> SpeechFeatures:
    found = measure(tracker.track(samples, RATE))
    assert found is not None
    return found


@pytest.mark.parametrize("hertz", [90, 120, 220, 330])
def test_pitch_is_measured_within_half_a_semitone(tracker, hertz):
    found = features(tracker, babble(hertz, 6, 2))
    assert found.pitch == pytest.approx(12 * np.log2(hertz / 100), abs=0.5)
    assert found.melody < 2


@pytest.mark.parametrize("syllables", [4, 8, 12])
def test_syllables_are_counted(tracker, syllables):
    assert features(tracker, babble(150, syllables, 2)).rate == pytest.approx(
        syllables / 2, rel=0.2
    )


def test_loudness_is_measured_in_decibels(tracker):
    loud, soft = (features(tracker, babble(150, 6, 2, gain)) for gain in (0.4, 0.1))
    assert loud.loudness - soft.loudness == pytest.approx(20 * np.log10(4), abs=1.5)


def test_pauses_count_between_the_first_sound_and_the_last_only(tracker):
    word, gap = babble(150, 4, 1), np.zeros(RATE, np.float32)
    with_pause = features(tracker, np.concatenate([gap, word, gap, word, gap]))
    without = features(tracker, np.concatenate([word, word]))
    assert 0.25 < with_pause.pauses - without.pauses < 0.5


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(RATE * 2, np.float32),
        np.random.default_rng(1).normal(0, 0.05, RATE * 2).astype(np.float32),
        babble(150, 1, 0.2),
        np.zeros(100, np.float32),
        np.zeros(1, np.float32),
    ],
    ids=["silence", "noise", "a blip", "a moment", "one sample"],
)
def test_what_is_no_voice_has_no_features(tracker, samples):
    assert measure(tracker.track(samples, RATE)) is None


def test_a_tracker_that_is_closed_refuses():
    with pytest.raises(BackendError, match="not loaded"):
        PitchTracker(1).track(np.zeros(RATE, np.float32), RATE)
