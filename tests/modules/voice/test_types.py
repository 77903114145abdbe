import numpy as np
import pytest

from xy_core.core.errors import AudioError, InputError
from xy_core.modules.voice import Audio, Transcript, TranscriptSegment, VoiceStyle
from xy_core.modules.voice.prosody import engine_speed, shape


def test_audio_never_changes():
    audio = Audio(np.zeros(8, np.float32), 8_000)
    with pytest.raises(ValueError, match="read-only"):
        audio.samples[0] = 1.0


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (np.zeros((2, 2), np.float32), 8_000),
        (np.zeros(4, np.int16), 8_000),
        (np.array([np.nan], np.float32), 8_000),
        (np.array([np.inf], np.float32), 8_000),
        (np.zeros(4, np.float32), 0),
    ],
)
def test_what_is_not_sound_is_refused(samples, rate):
    with pytest.raises(AudioError):
        Audio(samples, rate)


def test_resampling_keeps_the_length():
    audio = Audio(np.random.default_rng(1).uniform(-0.5, 0.5, 22_050).astype(np.float32), 22_050)
    assert audio.resampled(16_000).seconds == pytest.approx(1.0, abs=1e-3)
    assert audio.resampled(22_050) is audio


def test_joining_takes_the_first_rate():
    joined = Audio.concat([Audio.silence(1, 8_000), Audio.silence(1, 16_000)])
    assert (joined.rate, joined.seconds) == (8_000, pytest.approx(2.0, abs=1e-3))
    with pytest.raises(AudioError):
        Audio.concat([])


@pytest.mark.parametrize("bad", [{"rate": 3}, {"pitch": 13}, {"energy": 0}, {"rate": float("nan")}])
def test_an_impossible_style_is_refused(bad):
    with pytest.raises(InputError, match="is not between"):
        VoiceStyle(**bad)


def test_pitch_changes_frequency_but_not_length():
    rate = 16_000
    style = VoiceStyle(pitch=12.0)
    # The engine speaks at half the speed, so its sound is twice as long and an octave too low.
    assert engine_speed(style) == pytest.approx(0.5)
    slow = np.sin(2 * np.pi * 400 * np.arange(2 * rate) / rate).astype(np.float32) * 0.5
    audio = shape(slow, rate, style)
    spectrum = np.abs(np.fft.rfft(audio.samples))
    assert audio.seconds == pytest.approx(1.0, abs=0.01)
    assert np.argmax(spectrum) / audio.seconds == pytest.approx(800, abs=5)


def test_energy_scales_and_never_overflows():
    loud = shape(np.full(100, 0.9, np.float32), 8_000, VoiceStyle(energy=2.0))
    assert loud.samples.max() == 1.0
    quiet = shape(np.full(100, 0.9, np.float32), 8_000, VoiceStyle(energy=0.5))
    assert quiet.samples.max() == pytest.approx(0.45)


def test_confidence_is_weighted_by_length():
    segments = (TranscriptSegment("a", 0, 3, 1.0), TranscriptSegment("b", 3, 4, 0.0))
    assert Transcript("ab", "en", segments).confidence == pytest.approx(0.75)
    assert Transcript("", "").confidence == 0.0
