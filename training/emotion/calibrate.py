"""Write what the package ships: the exported network, and its calibration on held-out texts.

python -m training.emotion.calibrate --data FOLDER --work FOLDER
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from training.emotion.corpora import CORPORA, Example, held_out
from training.emotion.encoder import Crown, Ground
from training.emotion.export import export
from training.emotion.lessons import fetch
from xy_core.modules.emotion.backends.calibration import LABELS, Evidence
from xy_core.modules.emotion.backends.encoder import CALIBRATION, EncoderRecogniser
from xy_core.modules.emotion.backends.features import is_chinese
from xy_core.modules.emotion.backends.linear import LinearRecogniser
from xy_core.modules.emotion.backends.recogniser import BACKENDS
from xy_core.modules.emotion.types import Emotion

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SHIPPED = Path("src/xy_core/modules/emotion/backends/encoder")
FIRM = 2e-3
"""How firmly a bias is held to 0."""
_CUTS = np.linspace(0.1, 0.7, 61)
_NEUTRAL = LABELS.index(Emotion.NEUTRAL)
_UNSET: dict[str, Any] = {
    **dict.fromkeys(("temperature", "words"), 1.0),
    **dict.fromkeys(
        ("bias", "there_slope", "there_words", "there_bias", "thresholds"), [0.0] * len(LABELS)
    ),
}


def main() -> None:
    """Export, read the held-out texts with what was exported, calibrate."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    options.add_argument("--work", type=Path, required=True, help="folder of what was made")
    options.add_argument("--network", default="crown", help="which network of the work folder")
    options.add_argument("--out", type=Path, default=SHIPPED)
    given = options.parse_args()

    base = fetch(given.data, given.work)
    crown = Crown(base.tensors, len(CORPORA))
    crown.load_state_dict(torch.load(given.work / f"{given.network}.pt"))
    export(Ground(base.tensors), crown, base.tokenizer, given.out)
    file = given.out / CALIBRATION
    file.write_text(json.dumps({"en": _UNSET, "zh": _UNSET}), "utf-8")

    linear = LinearRecogniser.load(BACKENDS / "weights.npz")
    recogniser = EncoderRecogniser.load(given.out, linear)
    examples = held_out(given.data)
    evidence = [recogniser.evidence(example.text) for _, example in examples]
    chinese = np.array([is_chinese(example.text) for _, example in examples])
    found = {}
    for name, own in (("en", ~chinese), ("zh", chinese)):
        places = np.flatnonzero(own)
        held = Held.of([examples[place] for place in places], [evidence[place] for place in places])
        found[name] = calibration(held)
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


@dataclass(frozen=True, slots=True)
class Held:
    """The held-out texts of one language.

    Attributes:
        which, there, words: shape (n, 7): the evidence in each.
        truth: shape (n, 7): what their annotators named.
        judged: shape (n, 7): False where they could not.
        weights: shape (n,).
    """

    which: Floats
    there: Floats
    words: Floats
    truth: Bools
    judged: Bools
    weights: Floats

    @classmethod
    def of(cls, examples: Sequence[tuple[int, Example]], evidence: Sequence[Evidence]) -> Held:
        """Gather texts and the evidence in them."""
        corpora = [CORPORA[number] for number, _ in examples]
        truth = np.array([[label in e.emotions for label in LABELS] for _, e in examples])
        judged = np.ones(truth.shape, bool)
        judged[:, _NEUTRAL] = [corpus.has_neutral for corpus in corpora]
        return cls(
            *(np.array([getattr(one, part) for one in evidence]) for part in _EVIDENCE),
            truth,
            judged,
            np.array([corpus.weight * corpus.breadth for corpus in corpora]),
        )


def calibration(held: Held) -> dict[str, Any]:
    """Choose one language's calibration; the backend says what each part is."""
    temperature, words, bias = which(held)
    parts = np.transpose([present(held, label) for label in range(len(LABELS))])
    vectors = dict(zip(_PRESENCE, parts, strict=True)) | {"bias": bias}
    rounded = {name: np.round(values, 4).tolist() for name, values in vectors.items()}
    return {"temperature": round(temperature, 4), "words": round(words, 4), **rounded}


def which(held: Held) -> tuple[float, float, Floats]:
    """Return temperature, weight of the words and bias that make the labels likeliest."""
    shares = held.truth / held.truth.sum(axis=1, keepdims=True)
    shares *= (held.weights / held.weights.sum())[:, None]

    def loss(chosen: Floats) -> float:
        scores = (held.which + chosen[1] * held.words + chosen[2:]) / np.exp(chosen[0])
        likely = log_softmax(np.where(held.judged, scores, -1e9), axis=1)
        return FIRM * float((chosen[2:] ** 2).sum()) - float((shares * likely).sum())

    found = minimize(loss, np.zeros(len(LABELS) + 2), method="L-BFGS-B").x
    return float(np.exp(found[0])), float(found[1]), found[2:]


def present(held: Held, label: int) -> tuple[float, float, float, float]:
    """Return what makes the presence of one emotion likeliest, and the threshold of its best F1."""
    evidence = np.stack([held.there[:, label], held.words[:, label]], axis=1)
    truth, weights = held.truth[:, label], held.judged[:, label] * held.weights
    model = LogisticRegression(C=1e3).fit(evidence, truth, sample_weight=weights)
    shares = model.predict_proba(evidence)[:, 1]

    def f1(cut: float) -> float:
        named = shares >= cut
        return float(2 * (weights * (named & truth)).sum() / (weights * (named * 1 + truth)).sum())

    slope, words = model.coef_[0]
    return slope, words, model.intercept_[0], max(_CUTS, key=f1)


_EVIDENCE = ("which", "there", "words")
_PRESENCE = ("there_slope", "there_words", "there_bias", "thresholds")

if __name__ == "__main__":
    main()
