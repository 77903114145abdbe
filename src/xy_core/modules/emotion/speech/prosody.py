"""Reads emotion from pitch, melody, loudness, pace and pauses."""

from __future__ import annotations

import math
import threading

import numpy as np
import numpy.typing as npt

from xy_core.modules.emotion.circumplex import near
from xy_core.modules.emotion.fusion import Evidence, Modality
from xy_core.modules.emotion.speech.features import SpeechFeatures, measure
from xy_core.modules.emotion.speech.pitch import PitchTracker
from xy_core.modules.emotion.speech.speakers import Deviation, Speakers

_AROUSAL = np.array([0.30, 0.15, 0.30, 0.15, -0.10])
"""How pitch, melody, loudness, rate and pauses go with arousal. All reviews agree on the signs, and
on pitch and loudness as the strongest (Juslin & Laukka 2003, "Communication of emotions in vocal
expression and music performance", Psychological Bulletin 129, table 7; Scherer 2003, table 2)."""
_VALENCE = np.array([0.05, 0.20, -0.10, 0.05, -0.05])
"""The same of valence, which a voice hardly tells (Goudbeek & Scherer 2010, "Beyond arousal",
J. Acoustical Society of America 128): melody rises a little with it, loudness falls."""
_AROUSAL_SPREAD, _VALENCE_SPREAD = 0.35, 0.9
"""Standard deviations of what is concluded; the latter leaves nearly all of valence open."""
_ENOUGH_SECONDS = 1.5
_ENOUGH_SENTENCES = 2.0
"""Voice and known sentences at which about two thirds of the confidence is reached."""


class ProsodyReader:
    """A `SpeechReader` that knows what is usual for each speaker.

    Args:
        threads: of the pitch tracker.
        max_seconds: of a longer recording only the end is heard.
        max_speakers: voices that are known.
    """

    def __init__(self, threads: int, max_seconds: float, max_speakers: int) -> None:
        self._tracker = PitchTracker(threads)
        self._max_seconds = max_seconds
        self._speakers = Speakers(max_speakers)
        self._lock = threading.Lock()

    def load(self) -> None:
        """See `Reader`."""
        self._tracker.load()

    def close(self) -> None:
        """See `Reader`."""
        self._tracker.close()

    def read(self, person: str, samples: npt.NDArray[np.float32], rate: int) -> Evidence | None:
        """See `SpeechReader`."""
        last = samples[-round(self._max_seconds * rate) :]
        with self._lock:
            features = measure(self._tracker.track(last, rate))
            if features is None:
                return None
            return judge(features, self._speakers.hear(person, features))

    def forget(self, person: str) -> None:
        """Forget what is usual for a speaker."""
        with self._lock:
            self._speakers.forget(person)


def judge(features: SpeechFeatures, deviation: Deviation) -> Evidence:
    """Return what a sentence says by the way in which it differs from its speaker's others.

    A voice as usual says nothing: what it would say is neutral, but a sad sentence can be spoken in
    an ordinary voice. So confidence grows with the deviation, and with how much was heard.
    """
    # One wild measurement, of a cough say, must not stand for five.
    scores = np.clip(deviation.scores, -3.0, 3.0)
    arousal = math.tanh(float(_AROUSAL @ scores))
    valence = math.tanh(float(_VALENCE @ scores))
    heard = 1 - math.exp(-features.seconds / _ENOUGH_SECONDS)
    known = 1 - math.exp(-deviation.known / _ENOUGH_SENTENCES)
    return Evidence(
        Modality.VOICE,
        near(valence, arousal, _VALENCE_SPREAD, _AROUSAL_SPREAD),
        confidence=min(1.0, abs(arousal)) * heard * known,
    )
