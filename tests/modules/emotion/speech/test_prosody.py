"""What a way of speaking says, for a speaker of whom more and more is known."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.errors import MissingExtraError
from xy_core.modules.emotion import Emotion, Modality
from xy_core.modules.emotion.speech.features import SpeechFeatures
from xy_core.modules.emotion.speech.prosody import ProsodyReader, judge
from xy_core.modules.emotion.speech.speakers import Speakers
from xy_core.modules.emotion.types import place

USUAL = SpeechFeatures(pitch=3.0, melody=6.0, loudness=-25.0, rate=4.5, pauses=0.15, seconds=3.0)
EXCITED = SpeechFeatures(pitch=8.0, melody=10.0, loudness=-17.0, rate=5.8, pauses=0.05, seconds=3.0)
TIRED = SpeechFeatures(pitch=0.0, melody=3.0, loudness=-33.0, rate=3.3, pauses=0.35, seconds=3.0)


def after(habit: SpeechFeatures, times: int) -> Speakers:
    speakers = Speakers(10)
    for _ in range(times):
        speakers.hear("ann", habit)
    return speakers


def test_an_unusual_voice_says_more_than_a_usual_one():
    excited = judge(EXCITED, after(USUAL, 5).hear("ann", EXCITED))
    tired = judge(TIRED, after(USUAL, 5).hear("ann", TIRED))
    usual = judge(USUAL, after(USUAL, 5).hear("ann", USUAL))
    assert place(excited.probabilities)[1] > 0.3
    assert place(tired.probabilities)[1] < 0
    assert max(tired.probabilities, key=lambda one: tired.probabilities[one]) is Emotion.SADNESS
    assert usual.confidence < 0.05
    assert min(excited.confidence, tired.confidence) > 0.4
    assert excited.modality is Modality.VOICE


def test_a_stranger_is_heard_with_little_confidence():
    assert judge(EXCITED, Speakers(10).hear("ann", EXCITED)).confidence == 0


def test_what_is_excited_for_one_is_usual_for_another():
    lively = after(EXCITED, 10)
    assert judge(EXCITED, lively.hear("ann", EXCITED)).confidence < 0.2
    assert place(judge(USUAL, lively.hear("ann", USUAL)).probabilities)[1] < 0


def test_a_new_habit_is_learned():
    speakers = after(USUAL, 20)
    first = judge(EXCITED, speakers.hear("ann", EXCITED)).confidence
    for _ in range(60):
        last = judge(EXCITED, speakers.hear("ann", EXCITED)).confidence
    assert last < first * 0.6


def test_speakers_are_apart_and_the_longest_unheard_is_forgotten():
    speakers = Speakers(2)
    for person in ("ann", "bob", "ann", "cid"):
        speakers.hear(person, USUAL)
    assert speakers.hear("ann", USUAL).known == 2
    assert speakers.hear("bob", USUAL).known == 0
    speakers.forget("ann")
    assert speakers.hear("ann", USUAL).known == 0


features = st.builds(
    SpeechFeatures,
    pitch=st.floats(-12, 30),
    melody=st.floats(0, 40),
    loudness=st.floats(-90, 0),
    rate=st.floats(0, 15),
    pauses=st.floats(0, 1),
    seconds=st.floats(0.4, 30),
)


@given(st.lists(features, min_size=1, max_size=20))
def test_every_evidence_is_within_its_bounds(spoken):
    speakers = Speakers(10)
    for one in spoken:
        evidence = judge(one, speakers.hear("ann", one))
        assert sum(evidence.probabilities.values()) == pytest.approx(1)
        assert 0 <= evidence.confidence <= 1


def test_silence_says_nothing():
    reader = ProsodyReader(1, max_seconds=30, max_speakers=10)
    reader.load()
    assert reader.read("ann", np.zeros(16_000, np.float32), 16_000) is None
    reader.close()


def test_a_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "swift_f0", None)
    with pytest.raises(MissingExtraError, match=r"xy-core\[emotion\]"):
        ProsodyReader(1, 30, 10).load()
