"""Make ``weights.npz``, the model for machines without onnxruntime; see README.md.

python -m training.emotion.linear --data FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, hstack
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from training.emotion.corpora import CORPORA, OWN, Example, held_out, taught
from xy_core.modules.emotion.backends.features import BUCKETS, features, is_chinese, weigh
from xy_core.modules.emotion.backends.linear import LABELS

Floats = npt.NDArray[np.float64]
Weighted = tuple[Example, float]

WEIGHTS = Path("src/xy_core/modules/emotion/backends/weights.npz")
OWN_WEIGHT = 12.0
"""What one of the project's own sentences counts: they are few, but of the domain that matters."""
STRENGTH = 4.0
"""Inverse of the L2 penalty."""
STEPS = 127
LEAST_SEEN = 3
"""N-grams of fewer training texts are left out."""
BALANCE = 0.2
"""Rare emotions are raised by this power of their rarity: 0 not at all, 1 to equal weight."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts as the model sees them.

    Attributes:
        columns: shape (n, BUCKETS + 2); the last two say English or Chinese.
        shares: shape (n, 7): each text's emotions, which share 1.
        weights: shape (n,).
    """

    columns: csr_matrix
    shares: Floats
    weights: Floats

    @property
    def chinese(self) -> npt.NDArray[np.bool_]:
        """Which texts are Chinese."""
        return np.asarray(self.columns[:, BUCKETS + 1].toarray().ravel() > 0)


def main() -> None:
    """Train, calibrate and write the weights."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    options.add_argument("--out", type=Path, default=WEIGHTS, help="where the weights go")
    given = options.parse_args()

    train, held_out = read(given.data)
    rarity = rarities(train)
    known = corpus(train, rarity)
    model = fit(known)
    check = corpus(held_out, rarity)
    temperatures = [temperature(model, check, check.chinese == zh) for zh in (False, True)]
    write(given.out, model, rarity, temperatures)


def read(data: Path) -> tuple[list[Weighted], list[Weighted]]:
    """Return what to train on, and what was kept back for calibration."""
    train = [(example, _weight(number)) for number, example in taught(data)]
    train = [(example, weight) for example, weight in train if weight]
    return train, [(example, _weight(number)) for number, example in held_out(data)]


def _weight(number: int) -> float:
    corpus = CORPORA[number]
    return OWN_WEIGHT * bool(corpus.breadth) if corpus in OWN else corpus.weight * corpus.breadth


def rarities(examples: Sequence[Weighted]) -> npt.NDArray[np.float16]:
    """Return the inverse document frequency of each column, shape (BUCKETS,); 0 if too rare."""
    seen = np.zeros(BUCKETS)
    for example, _ in examples:
        seen[features(example.text)[0]] += 1
    rarity = np.log((1 + len(examples)) / (1 + seen)) + 1
    return np.where(seen >= LEAST_SEEN, rarity, 0).astype(np.float16)


def corpus(examples: Sequence[Weighted], rarity: npt.NDArray[np.float16]) -> Corpus:
    """Turn texts into features."""
    parts = [weigh(*features(example.text), rarity) for example, _ in examples]
    hashed = csr_matrix(
        (
            np.concatenate([values for _, values in parts]),
            np.concatenate([columns for columns, _ in parts]),
            np.cumsum([0, *(len(columns) for columns, _ in parts)]),
        ),
        shape=(len(examples), BUCKETS),
    )
    chinese = np.array([is_chinese(example.text) for example, _ in examples])
    language = csr_matrix(np.stack([~chinese, chinese], axis=1).astype(np.float32))
    shares = np.array(
        [[(label in e.emotions) / len(e.emotions) for label in LABELS] for e, _ in examples]
    )
    return Corpus(
        csr_matrix(hstack([hashed, language], format="csr")),
        shares,
        np.array([weight for _, weight in examples]),
    )


def fit(train: Corpus) -> Floats:
    """Return the coefficients, shape (7, BUCKETS + 2).

    A text of several emotions counts as a part of an example of each. Rare emotions are raised by
    their rarity within each language, so that neutral does not swallow them.
    """
    rows, labels = np.nonzero(train.shares)
    weights = train.weights[rows] * train.shares[rows, labels]
    chinese = train.chinese[rows]
    for language in (False, True):
        own = chinese == language
        totals = np.bincount(labels[own], weights[own], len(LABELS))
        weights[own] *= ((totals.mean() / totals) ** BALANCE)[labels[own]]
    used = np.unique(train.columns.indices)
    model = LogisticRegression(C=STRENGTH, max_iter=120, tol=1e-5, fit_intercept=False)
    model.fit(train.columns[rows][:, used], labels, sample_weight=weights)
    coefficients = np.zeros((len(LABELS), train.columns.shape[1]))
    coefficients[:, used] = model.coef_
    return coefficients


def temperature(model: Floats, held_out: Corpus, chosen: npt.NDArray[np.bool_]) -> float:
    """Return the temperature that makes the held-out labels likeliest (Guo et al. 2017)."""
    scores = held_out.columns[chosen] @ model.T
    weighted = held_out.shares[chosen] * held_out.weights[chosen, None]

    def loss(log_temperature: float) -> float:
        return -float((weighted * log_softmax(scores / np.exp(log_temperature), axis=1)).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x))


def write(
    out: Path, model: Floats, rarity: npt.NDArray[np.float16], temperatures: Sequence[float]
) -> None:
    """Store the model with one byte a coefficient; each class's greatest is `STEPS` squared."""
    hashed = model[:, :BUCKETS]
    scale = np.abs(hashed).max(axis=1) / STEPS**2
    np.savez_compressed(
        out,
        weights=(np.sign(hashed.T) * np.rint(np.sqrt(np.abs(hashed.T) / scale))).astype(np.int8),
        rarity=rarity,
        scale=scale.astype(np.float32),
        bias=model[:, BUCKETS:].T.astype(np.float32),
        temperature=np.array(temperatures, np.float32),
    )


if __name__ == "__main__":
    main()
