"""What several modalities say together."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.emotion import Emotion, EmotionReading, Evidence, Modality, fuse

TRUST = dict.fromkeys(Modality, 1.0)


def lean(emotion: Emotion, share: float) -> dict[Emotion, float]:
    """Return a distribution that leans to one emotion, evenly spread otherwise."""
    rest = (1 - share) / (len(Emotion) - 1)
    return {one: share if one is emotion else rest for one in Emotion}


def says(modality: Modality, emotion: Emotion, share: float = 0.8, confidence: float = 0.5):
    return Evidence(modality, lean(emotion, share), confidence)


evidences = st.lists(
    st.builds(
        says,
        st.sampled_from(Modality),
        st.sampled_from(Emotion),
        st.floats(0.15, 1),
        st.floats(0, 1),
    ),
    max_size=5,
)


@given(evidences, st.floats(0, 1))
def test_whatever_is_fused_is_a_distribution(evidence, unsure_below):
    reading = fuse(evidence, TRUST, unsure_below)
    assert sum(reading.probabilities.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in reading.probabilities.values())


@given(st.lists(st.builds(says, st.sampled_from(Modality), st.sampled_from(Emotion)), max_size=4))
def test_the_order_does_not_matter(evidence):
    readings = [fuse(order, TRUST, 0.4) for order in itertools.permutations(evidence)]
    for reading in readings:
        assert reading.probabilities == pytest.approx(readings[0].probabilities)


def test_nothing_at_all_reads_as_nothing():
    silent = says(Modality.TEXT, Emotion.JOY, confidence=0)
    assert fuse([], TRUST, 0.4) == fuse([silent], TRUST, 0.4) == EmotionReading.nothing()


def test_one_alone_is_left_as_it_is():
    alone = says(Modality.TEXT, Emotion.JOY, 0.7, confidence=0.2)
    silent = says(Modality.VOICE, Emotion.SADNESS, confidence=0)
    assert fuse([alone, silent], TRUST, 0.4) == EmotionReading.of(alone.probabilities, 0.4)


def test_agreement_makes_surer_and_contradiction_makes_unsure():
    text = says(Modality.TEXT, Emotion.JOY, 0.7)
    agreed = fuse([text, says(Modality.VOICE, Emotion.JOY, 0.9)], TRUST, 0.4)
    torn = fuse([text, says(Modality.VOICE, Emotion.SADNESS, 0.7)], TRUST, 0.5)
    assert agreed.probabilities[Emotion.JOY] > 0.7
    assert torn.probabilities[Emotion.JOY] == pytest.approx(torn.probabilities[Emotion.SADNESS])
    assert torn.unsure


def test_the_more_confident_and_the_more_trusted_wins():
    text = says(Modality.TEXT, Emotion.JOY, confidence=0.2)
    face = says(Modality.FACE, Emotion.SADNESS, confidence=0.9)
    assert fuse([text, face], TRUST, 0.4).top is Emotion.SADNESS
    assert fuse([text, face], TRUST | {Modality.FACE: 0.05}, 0.4).top is Emotion.JOY
    assert fuse([text, face], TRUST | {Modality.FACE: 0.0}, 0.4).top is Emotion.JOY


def test_no_modality_can_veto_an_emotion():
    certain = Evidence(Modality.FACE, lean(Emotion.NEUTRAL, 1.0), 0.1)
    assert fuse([says(Modality.TEXT, Emotion.JOY, 0.9, 0.9), certain], TRUST, 0.4).top is (
        Emotion.JOY
    )
