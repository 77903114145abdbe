"""Write what the package ships: the exported network, and its calibration on held-out texts.

python -m training.emotion.calibrate --data FOLDER --work FOLDER
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from scipy.special import expit, log_softmax
from sklearn.linear_model import LogisticRegression

from training.emotion.corpora import CORPORA, Example, held_out
from training.emotion.encoder import Crown, Ground
from training.emotion.export import export
from training.emotion.finetune import fetch
from xy_core.modules.emotion.backends.calibration import LABELS
from xy_core.modules.emotion.backends.encoder import CALIBRATION, EncoderRecogniser
from xy_core.modules.emotion.backends.features import is_chinese
from xy_core.modules.emotion.types import Emotion

Floats = npt.NDArray[np.float64]
Held = Sequence[tuple[int, Example]]

SHIPPED = Path("src/xy_core/modules/emotion/backends/encoder")
FIRM = 2e-3
"""How firmly a bias is held to 0."""
_CUTS = np.linspace(0.1, 0.7, 61)
_NEUTRAL = LABELS.index(Emotion.NEUTRAL)
_UNSET: dict[str, Any] = {
    "temperature": 1.0,
    **dict.fromkeys(("bias", "shift", "thresholds"), [0.0] * len(LABELS)),
    "slope": [1.0] * len(LABELS),
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

    recogniser = EncoderRecogniser.load(given.out)
    examples = held_out(given.data)
    scores = np.array([recogniser.scores(example.text) for _, example in examples])
    chinese = np.array([is_chinese(example.text) for _, example in examples])
    np.savez(given.work / f"held-{given.network}.npz", scores=scores, chinese=chinese)
    found = {
        name: calibration([examples[place] for place in np.flatnonzero(own)], scores[own])
        for name, own in (("en", ~chinese), ("zh", chinese))
    }
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def calibration(examples: Held, scores: Floats) -> dict[str, Any]:
    """Choose one language's calibration; the backend says what each part is."""
    truth = np.array([[label in e.emotions for label in LABELS] for _, e in examples])
    corpora = [CORPORA[number] for number, _ in examples]
    weights = np.array([corpus.weight for corpus in corpora])
    judged = np.ones(truth.shape, bool)
    judged[:, _NEUTRAL] = [corpus.has_neutral for corpus in corpora]
    temperature, bias = which(scores[:, : len(LABELS)], truth, judged, weights)
    there = scores[:, len(LABELS) :]
    slope, shift, thresholds = np.transpose(
        [present(there[:, n], truth[:, n], judged[:, n] * weights) for n in range(len(LABELS))]
    )
    parts = {"bias": bias, "slope": slope, "shift": shift, "thresholds": thresholds}
    rounded = {name: np.round(values, 4).tolist() for name, values in parts.items()}
    return {"temperature": round(temperature, 4), **rounded}


def which(scores: Floats, truth: npt.NDArray[np.bool_], judged: npt.NDArray[np.bool_], weights: Floats) -> tuple[float, Floats]:
    """Return temperature and bias that make the labels likeliest."""
    shares = truth / truth.sum(axis=1, keepdims=True) * (weights / weights.sum())[:, None]

    def loss(chosen: Floats) -> float:
        moved = np.where(judged, (scores + chosen[1:]) / np.exp(chosen[0]), -1e9)
        held = FIRM * float((chosen[1:] ** 2).sum())
        return held - float((shares * log_softmax(moved, axis=1)).sum())

    found = minimize(loss, np.zeros(len(LABELS) + 1), method="L-BFGS-B").x
    return float(np.exp(found[0])), found[1:]


def present(scores: Floats, truth: npt.NDArray[np.bool_], weights: Floats) -> tuple[float, float, float]:
    """Return slope and shift that make presence likeliest, and the threshold of the best F1."""
    model = LogisticRegression(C=1e3).fit(scores[:, None], truth, sample_weight=weights)
    slope, shift = float(model.coef_[0, 0]), float(model.intercept_[0])
    shares = expit(scores * slope + shift)

    def f1(cut: float) -> float:
        named = shares >= cut
        return float(2 * (weights * (named & truth)).sum() / (weights * (named * 1 + truth)).sum())

    return slope, shift, float(max(_CUTS, key=f1))


if __name__ == "__main__":
    main()
