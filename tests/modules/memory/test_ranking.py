"""Reciprocal-rank fusion."""

from __future__ import annotations

import pytest

from xy_core.modules.memory.ranking import fuse


def test_agreement_beats_one_first_rank():
    assert [key for key, _ in fuse([[1, 2], [3, 2]])] == [2, 3, 1]


def test_scores_are_those_of_the_paper():
    scores = dict(fuse([[7, 8], [8]]))
    assert scores[7] == pytest.approx(1 / 61)
    assert scores[8] == pytest.approx(1 / 62 + 1 / 61)


def test_nothing_found_is_nothing():
    assert fuse([]) == fuse([[], []]) == []
