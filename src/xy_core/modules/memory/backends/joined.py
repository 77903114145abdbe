"""Two embedders as one: one of many languages, and one that knows English better."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xy_core.modules.memory.embedding import LocalModel, Role
from xy_core.modules.memory.query import Vectors
from xy_core.modules.memory.terms import has_han

UNLIKE = 0.14
"""The cosine of texts that have nothing in common: the median of questions and sentences about
other things, nearly the same within a language and between two."""
_ENGLISH = 0.25
"""What the second counts between two English texts: chosen, the middle of the best two of nine
shares, on the half of the questions of ``xy-core bench memory`` that is not reported."""


class JoinedEmbedder:
    """Turns sentences into unit vectors that lie one behind the other.

    The cosine of two English texts is the mean of what both models say, weighed; that of two others
    is the first model's alone, and that between languages a little less.

    Args:
        wide: knows all languages.
        english: knows English; it is not asked about Chinese.
        width: numbers of a vector of `english`.
    """

    def __init__(self, wide: LocalModel, english: LocalModel, width: int) -> None:
        self._wide = wide
        self._english = english
        self._width = width

    def load(self) -> None:
        """Read both models into memory.

        Raises:
            BackendError: a file is damaged.
            MissingExtraError: a library is not installed.
        """
        self._wide.load()
        self._english.load()

    def embed(self, texts: Sequence[str], role: Role) -> Vectors:
        """Return one vector of length 1 a text: float32, (texts, both widths).

        Raises:
            BackendError: onnxruntime failed.
        """
        wide = self._wide.embed(texts, role)
        english = np.zeros((len(texts), self._width), np.float32)
        places = [place for place, text in enumerate(texts) if not has_han(text)]
        if places:
            told = self._english.embed([texts[place] for place in places], role)
            wide[places] *= math.sqrt(1.0 - _ENGLISH)
            english[places] = math.sqrt(_ENGLISH) * told
        return np.concatenate([wide, english], axis=1)

    def count(self, texts: Sequence[str]) -> int | None:
        """Return how many tokens the first reads of texts."""
        return self._wide.count(texts)
