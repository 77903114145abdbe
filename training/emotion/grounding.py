"""What the frozen layers make of each text: computed once, kept in a file a corpus."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.emotion.base import WIDTH
from training.emotion.corpora import CORPORA
from training.emotion.encoder import FROZEN, Ground
from training.emotion.lessons import Ids, Lesson, batches

log = logging.getLogger(__name__)


class Grounded:
    """The states of all texts.

    Args:
        states: shape (tokens, WIDTH), one text after the other, in half precision.
        lengths: how many tokens each text has.
    """

    def __init__(self, states: Tensor, lengths: Sequence[int]) -> None:
        self._states = states
        self._ends = np.cumsum([0, *lengths]).tolist()

    @classmethod
    def of(cls, ground: Ground, lesson: Lesson, work: Path) -> Grounded:
        """Run all texts through the frozen layers, or read what an earlier run stored."""
        parts = []
        for number in np.unique(lesson.corpora):
            ids = [lesson.ids[place] for place in np.flatnonzero(lesson.corpora == number)]
            told = str((FROZEN, [one.tolist() for one in ids]))
            file = work / f"ground-{hashlib.sha256(told.encode()).hexdigest()[:16]}.pt"
            if not file.exists():
                torch.save(_run(ground, ids), file)
                log.info("%d texts of %s are grounded", len(ids), CORPORA[number].file)
            parts.append(torch.load(file))
        return cls(torch.cat(parts), lesson.lengths)

    def batch(self, places: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return padded states, shape (n, length, WIDTH), and the mask of what is a token."""
        lengths = [self._ends[place + 1] - self._ends[place] for place in places]
        states = torch.zeros((len(places), max(lengths), WIDTH))
        for row, place in enumerate(places):
            states[row, : lengths[row]] = self._states[self._ends[place] : self._ends[place + 1]]
        return states, _mask(lengths)


def _run(ground: Ground, texts: Sequence[Ids]) -> Tensor:
    lengths = [len(ids) for ids in texts]
    ends = np.cumsum([0, *lengths])
    kept = torch.empty((int(ends[-1]), WIDTH), dtype=torch.bfloat16)
    for places in batches(lengths, np.argsort(lengths, kind="stable")):
        own = [lengths[place] for place in places]
        ids = np.ones((len(places), max(own)), np.int64)
        for row, place in enumerate(places):
            ids[row, : own[row]] = texts[place]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            states = ground(torch.from_numpy(ids), _mask(own))
        for row, place in enumerate(places):
            kept[ends[place] : ends[place + 1]] = states[row, : own[row]]
    return kept


def _mask(lengths: Sequence[int]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
