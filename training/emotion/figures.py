"""How good the recogniser is on the test sets, none of which it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, f1_score

from training.emotion.corpora import Example, clue, goemotions, meld
from xy_core.modules.emotion.backends.linear import LABELS, LinearRecogniser
from xy_core.modules.emotion.types import Emotion

Floats = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]

_NEUTRAL = LABELS.index(Emotion.NEUTRAL)
_BINS = 15
_CUTS = np.linspace(0.1, 0.7, 31)


def figures(model: LinearRecogniser, data: Path) -> dict[str, float]:
    """Return all figures by name.

    GoEmotions lets a text have several emotions: beside the likeliest one, each that reaches its
    class's threshold, chosen on the dev file, counts as named.
    """
    dev = _judge(model, list(goemotions(data / "goemotions_ekman/dev.tsv")))
    go = _judge(model, list(goemotions(data / "goemotions_ekman/test.tsv")))
    friends = _judge(model, list(meld(data / "meld/test.csv")))
    weibo = _judge(model, list(clue(data / "clue_emotion/test.jsonl")))
    weibo_six = _without_neutral(weibo[0]), weibo[1]
    cuts = _thresholds(*dev)
    named = (go[0] >= cuts) | _one_hot(go[0])
    return {
        "goemotions_macro_f1": f1_score(go[1], named, average="macro"),
        "goemotions_ece": _calibration_error(*go),
        "meld_weighted_f1": _f1(*friends, "weighted"),
        "meld_ece": _calibration_error(*friends),
        "clue_accuracy": accuracy_score(weibo[1].argmax(axis=1), weibo_six[0].argmax(axis=1)),
        "clue_macro_f1": _f1(*weibo_six, "macro"),
        "clue_ece": _calibration_error(*weibo_six),
    }


def _judge(model: LinearRecogniser, examples: Sequence[Example]) -> tuple[Floats, Truth]:
    """Return the probabilities and the truth, both of shape (n, 7)."""
    neutral = {label: float(label is Emotion.NEUTRAL) for label in LABELS}
    read = [model.probabilities(example.text) or neutral for example in examples]
    shares = np.array([[one[label] for label in LABELS] for one in read])
    return shares, np.array([[label in e.emotions for label in LABELS] for e in examples])


def _without_neutral(shares: Floats) -> Floats:
    six = shares.copy()
    six[:, _NEUTRAL] = 0
    total: Floats = six.sum(axis=1, keepdims=True)
    rest: Floats = six / np.maximum(total, np.finfo(np.float64).tiny)
    return rest


def _one_hot(shares: Floats) -> Truth:
    likeliest: Truth = np.arange(len(LABELS)) == shares.argmax(axis=1)[:, None]
    return likeliest


def _thresholds(shares: Floats, truth: Truth) -> Floats:
    """Return for each class the threshold of its best F1."""
    best = [
        max(_CUTS, key=lambda cut: f1_score(truth[:, place], shares[:, place] >= cut))
        for place in range(len(LABELS))
    ]
    return np.array(best)


def _f1(shares: Floats, truth: Truth, average: str) -> float:
    true = truth.argmax(axis=1)
    present = sorted(set(true.tolist()))
    return float(f1_score(true, shares.argmax(axis=1), average=average, labels=present))


def _calibration_error(shares: Floats, truth: Truth) -> float:
    """Return the expected calibration error of the likeliest class, over 15 equal bins."""
    sure = shares.max(axis=1)
    right = truth[np.arange(len(truth)), shares.argmax(axis=1)]
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(sure[bins == place].mean() - right[bins == place].mean()) * (bins == place).mean()
        for place in np.unique(bins)
    ]
    return float(sum(gaps))
