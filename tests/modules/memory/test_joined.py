"""Two embedders as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from xy_core.modules.memory.backends.joined import JoinedEmbedder
from xy_core.modules.memory.embedding import Role

ROLE = Role.QUERY


class Told:
    """A model that gives the vectors it was made with, and notes what it was asked."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self._vectors = vectors
        self.asked: list[str] = []
        self.loaded = False

    def load(self) -> None:
        self.loaded = True

    def embed(self, texts: Sequence[str], role: Role):  # noqa: ARG002
        self.asked += texts
        return np.array([self._vectors[text] for text in texts], np.float32)

    def count(self, texts: Sequence[str]) -> int:
        return len(texts)


@pytest.fixture
def joined() -> tuple[JoinedEmbedder, Told, Told]:
    wide = Told({"cat": [1, 0], "kitten": [0, 1], "猫": [1, 0], "小猫": [0, 1]})
    english = Told({"cat": [1, 0, 0], "kitten": [1, 0, 0]})
    return JoinedEmbedder(wide, english, 3), wide, english


def test_both_say_how_alike_english_texts_are(joined):
    model, _, _ = joined
    cat, kitten = model.embed(["cat", "kitten"], ROLE)
    assert cat @ kitten == pytest.approx(0.25)  # the first says 0, the second 1
    assert np.linalg.norm(cat) == pytest.approx(1)


def test_only_the_first_is_asked_about_chinese(joined):
    model, _, english = joined
    one, other = model.embed(["猫", "小猫"], ROLE)
    assert (one @ other, one @ one) == (0, 1)
    assert english.asked == []


def test_languages_are_compared_by_the_first_alone(joined):
    model, _, english = joined
    chinese, cat = model.embed(["猫", "cat"], ROLE)
    assert chinese @ cat == pytest.approx(0.75**0.5)
    assert english.asked == ["cat"]


def test_both_are_loaded_and_the_first_counts(joined):
    model, wide, english = joined
    model.load()
    assert wide.loaded
    assert english.loaded
    assert model.count(["cat", "猫"]) == 2
