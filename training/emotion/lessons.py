"""Texts as the network sees them, and the steps in which it does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from training.emotion.base import Base
from training.emotion.corpora import CORPORA, Example
from xy_core.modules.emotion.backends.wording import worded
from xy_core.modules.emotion.types import Emotion

log = logging.getLogger(__name__)

Ids = npt.NDArray[np.int64]

LONGEST = 96
"""Tokens of a text that are learned from; five in a hundred of Weibo's texts are longer."""
TOKENS = 2_048
"""Tokens of one step at most, padding included."""
TEXTS = 96
"""Texts of one step at most."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Texts as the network sees them.

    Attributes:
        ids: token ids of each text.
        shares: shape (n, 7): each text's emotions, which share 1.
        corpora: shape (n,): which corpus each is of.
        weights: shape (n,).
        judged: shape (n, 7): False where the annotators could not choose an emotion.
    """

    ids: Sequence[Ids]
    shares: npt.NDArray[np.float32]
    corpora: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    judged: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, examples: Sequence[tuple[int, Example]], tokenizer: Tokenizer) -> Lesson:
        """Turn examples, each after the number of its corpus, into tokens and targets."""
        known = {token for token in tokenizer.get_vocab() if len(token) == 1}
        tokenizer.enable_truncation(LONGEST)
        encoded = tokenizer.encode_batch([worded(example.text, known) for _, example in examples])
        corpora = [CORPORA[number] for number, _ in examples]
        return cls(
            [np.array(one.ids) for one in encoded],
            np.array([_shares(example) for _, example in examples], np.float32),
            np.array([number for number, _ in examples]),
            np.array([corpus.weight for corpus in corpora], np.float32),
            np.array(
                [
                    [of.has_neutral or label is not Emotion.NEUTRAL for label in Emotion]
                    for of in corpora
                ]
            ),
        )

    @property
    def lengths(self) -> list[int]:
        """How many tokens each text has."""
        return [len(ids) for ids in self.ids]


def fetch(data: Path, work: Path) -> Base:
    """Return the base with the tokens that the corpora need."""
    examples = (example for corpus in CORPORA for example in corpus.reader(data / corpus.file))
    return Base.fetch(work, (worded(example.text, _EVERY) for example in examples))


def epoch(
    lesson: Lesson, shares: npt.NDArray[np.float64], dice: np.random.Generator
) -> list[list[int]]:
    """Return the steps of one epoch: texts of about one length together, in a random order.

    Args:
        lesson: all texts.
        shares: of each corpus, how much of it is shown; above 1 for several times.
        dice: decides.
    """
    lengths = lesson.lengths
    times = np.floor(shares[lesson.corpora] + dice.random(len(lengths))).astype(int)
    chosen = np.repeat(np.arange(len(lengths)), times)
    noisy = np.array(lengths)[chosen] * dice.uniform(0.8, 1.25, len(chosen))
    steps = list(batches(lengths, chosen[np.argsort(noisy)]))
    return [steps[place] for place in dice.permutation(len(steps))]


def batches(lengths: Sequence[int], order: Ids) -> Iterator[list[int]]:
    """Cut an order of texts into steps of bounded size."""
    now: list[int] = []
    longest = 0
    for place in order.tolist():
        longest = max(longest, lengths[place])
        if now and (len(now) == TEXTS or longest * (len(now) + 1) > TOKENS):
            yield now
            now, longest = [], lengths[place]
        now.append(place)
    yield now


def _shares(example: Example) -> list[float]:
    return [(label in example.emotions) / len(example.emotions) for label in Emotion]


class _Every:
    """Knows every character: which have a token of their own is not yet decided."""

    def __contains__(self, _: object) -> bool:
        return True


_EVERY = _Every()
