"""Scores of a face that was measured elsewhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.core.errors import InputError
from xy_core.modules.emotion import Emotion, FaceScores, Modality
from xy_core.modules.emotion.face.scores import LABELS


def test_the_labels_of_a_browsers_library_are_taken():
    scores = {"neutral": 0.1, "happy": 0.8, "surprised": 0.1}
    face = FaceScores.of(scores)
    assert face.probabilities[Emotion.JOY] == pytest.approx(0.8)
    evidence = face.evidence()
    assert evidence.modality is Modality.FACE
    assert evidence.confidence == pytest.approx(0.8)


def test_labels_that_mean_the_same_are_added():
    face = FaceScores.of({"disgusted": 0.3, "Contempt": 0.3, "sad": 0.4})
    assert face.probabilities[Emotion.DISGUST] == pytest.approx(0.6)


def test_a_face_that_is_hardly_seen_counts_little():
    assert FaceScores.of({"happy": 0.1}).evidence().confidence == pytest.approx(0.1)
    assert FaceScores.of({"happy": 1, "sad": 1}).confidence == 1


@pytest.mark.parametrize(
    "scores",
    [
        {},
        {"happy": math.nan},
        {"happy": math.inf},
        {"happy": -0.1},
        {"happy": 1.1},
        {"happy": True},
        {"happy": "0.5"},
        {"happy": None},
        {"happy": 0.0},
        {"hangry": 0.5},
        {3: 0.5},
        {f"label{i}": 0.5 for i in range(1_000)},
        ["happy"],
        None,
    ],
    ids=lambda scores: str(scores)[:30],
)
def test_what_is_no_measurement_is_refused(scores):
    with pytest.raises(InputError, match="face scores") as error:
        FaceScores.of(scores)
    assert len(str(error.value)) < 400


@given(
    st.dictionaries(st.sampled_from(sorted(LABELS)), st.floats(0, 1), min_size=1).filter(
        lambda scores: sum(scores.values()) > 1e-6
    )
)
def test_all_valid_scores_become_a_distribution(scores):
    face = FaceScores.of(scores)
    assert sum(face.probabilities.values()) == pytest.approx(1)
    assert 0 <= face.evidence().confidence <= 1
