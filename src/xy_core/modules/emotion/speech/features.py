"""What can be measured in the way that something is said."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from xy_core.modules.emotion.speech.pitch import PitchTrack

_LEAST_VOICED = 0.4
"""Seconds of voice below which pitch and pace mean nothing: about two syllables."""
_REFERENCE = 100.0
"""Hertz from which semitones are counted."""
_FLOOR = 25.0
"""Decibels below the loud parts at which a frame counts as silent (as de Jong & Wempe 2009)."""
_DIP = 2.0
"""Decibels between two syllables at least (as de Jong & Wempe 2009)."""
_SMOOTHING = 3
"""Frames that loudness is averaged over, so that single periods of a voice are no syllables."""


@dataclass(frozen=True, slots=True)
class SpeechFeatures:
    """How something was said.

    Attributes:
        pitch: median, in semitones above 100 Hz.
        melody: from the 10th to the 90th percentile of pitch, in semitones.
        loudness: median level of voiced frames, in decibels relative to full scale.
        rate: syllables a second, between the first sound and the last.
        pauses: share of silence between the first sound and the last, 0 to 1.
        seconds: how much voice there was.
    """

    pitch: float
    melody: float
    loudness: float
    rate: float
    pauses: float
    seconds: float

    def as_array(self) -> npt.NDArray[np.float64]:
        """Return all but the length, in their order: float64, shape (5,)."""
        return np.array(astuple(self)[:5])


def measure(track: PitchTrack) -> SpeechFeatures | None:
    """Return the features of a recording, or None if there is too little voice in it."""
    voiced = track.voiced
    seconds = float(np.count_nonzero(voiced)) * track.step
    if seconds < _LEAST_VOICED:
        return None
    loudness = np.convolve(track.decibels, np.ones(_SMOOTHING) / _SMOOTHING, "same")
    sounding = loudness > np.percentile(loudness[voiced], 90) - _FLOOR
    first, last = np.flatnonzero(sounding)[[0, -1]]
    spoken = slice(first, last + 1)
    lasting = (last + 1 - first) * track.step
    semitones = 12 * np.log2(track.hertz[voiced] / _REFERENCE)
    low, middle, high = np.percentile(semitones, (10, 50, 90))
    return SpeechFeatures(
        pitch=float(middle),
        melody=float(high - low),
        loudness=float(np.median(track.decibels[voiced])),
        rate=_syllables(loudness[spoken], voiced[spoken]) / lasting,
        pauses=float(1 - np.mean(sounding[spoken])),
        seconds=seconds,
    )


def _syllables(loudness: npt.NDArray[np.float64], voiced: npt.NDArray[np.bool_]) -> int:
    """Count voiced peaks of loudness with dips between them.

    The method of de Jong & Wempe (2009), "Praat script to detect syllable nuclei and measure
    speech rate automatically", Behavior Research Methods 41(2).
    """
    count = 0
    peak = dip = float(loudness[0])
    peak_voiced = bool(voiced[0])
    rising = True
    for level, has_pitch in zip(loudness.tolist(), voiced.tolist(), strict=True):
        if rising:
            if level > peak:
                peak, peak_voiced = level, has_pitch
            elif level < peak - _DIP:
                count += peak_voiced
                rising, dip = False, level
        elif level < dip:
            dip = level
        elif level > dip + _DIP:
            rising, peak, peak_voiced = True, level, has_pitch
    return count + (rising and peak_voiced)
