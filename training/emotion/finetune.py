"""Train the encoder on all corpora; see README.md.

python -m training.emotion.finetune --data FOLDER --work FOLDER
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from training.emotion.corpora import CORPORA, held_out, taught
from training.emotion.encoder import LABELS, Crown, Ground
from training.emotion.grounding import Grounded
from training.emotion.lessons import Lesson, batches, epoch, fetch

log = logging.getLogger(__name__)

SEED = 1
"""Of the head's first weights, the order of the texts and dropout."""
STEPS = 2_700
"""Three epochs."""
WARM = 100
"""Steps in which the learning rate rises to its peak; from there it falls to nothing at the end."""
PEAK = 1.2e-4
"""Learning rate of the highest layer."""
HEAD = 1e-3
"""Learning rate of the head."""
FADE = 0.88
"""Each layer's learning rate, as a share of that of the layer above it."""
SMOOTH = 0.05
"""Share of each label that is spread over all: annotators err."""
DECAY = 0.01
_LOGGED = 25
_CHECKED = 200
_ENOUGH = 50


@dataclass(frozen=True, slots=True)
class Course:
    """What is learned, in tokens and in states of the frozen layers."""

    lesson: Lesson
    states: Grounded


def main() -> None:
    """Train and store the network as ``crown.pt`` in the work folder."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    options.add_argument("--work", type=Path, required=True, help="folder for what is made")
    options.add_argument("--name", default="crown", help="of the network's file")
    options.add_argument("--steps", type=int, default=STEPS, help="fewer, to try it out")
    given = options.parse_args()

    torch.set_num_threads(1)  # the order of additions, and so the result, depends on it
    torch.manual_seed(SEED)
    base = fetch(given.data, given.work)
    tokenizer = Tokenizer.from_str(base.tokenizer)
    ground, crown = Ground(base.tensors), Crown(base.tensors, len(CORPORA))
    lessons = [Lesson.of(of(given.data), tokenizer) for of in (taught, held_out)]
    course, check = (Course(one, Grounded.of(ground, one, given.work)) for one in lessons)
    train(crown, course, check, given.steps)
    torch.save(crown.state_dict(), given.work / f"{given.name}.pt")


def train(crown: Crown, course: Course, check: Course, steps: int) -> None:
    """Teach the network."""
    optimiser = torch.optim.AdamW(_groups(crown), weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, steps))
    begun = time.monotonic()
    for number, places in enumerate(_steps(course.lesson, steps), start=1):
        crown.train()
        loss = cost(crown, course, places)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(crown.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if number % _LOGGED == 0:
            left = (time.monotonic() - begun) / number * (steps - number)
            log.info("step %d of %d, loss %.3f, %.0f s left", number, steps, loss, left)
        if number % _CHECKED == 0 or number == steps:
            report(crown, check)


def cost(crown: Crown, course: Course, places: Sequence[int]) -> Tensor:
    """Return the loss: which emotion it is (cross-entropy) and which are there (binary)."""
    lesson = course.lesson
    with torch.autocast("cpu", torch.bfloat16):
        scores = crown(*course.states.batch(places))
    scores = scores.float() + crown.habits(torch.from_numpy(lesson.corpora[places]))
    shares = torch.from_numpy(lesson.shares[places])
    judged = torch.from_numpy(lesson.judged[places])
    weights = torch.from_numpy(lesson.weights[places])
    smooth = shares * (1 - SMOOTH) + SMOOTH * judged / judged.sum(dim=1, keepdim=True)
    which = scores[:, :LABELS].masked_fill(~judged, -1e4)
    first = -(smooth * functional.log_softmax(which, dim=1)).sum(dim=1)
    there = torch.clamp(2 * shares, max=1)
    each = functional.binary_cross_entropy_with_logits(scores[:, LABELS:], there, reduction="none")
    second = (each * judged).sum(dim=1)
    return ((first + second) * weights).sum() / weights.sum()


def report(crown: Crown, check: Course) -> None:
    """Log accuracy and macro-F1 of each corpus that was held out."""
    lesson = check.lesson
    scores = np.empty((len(lesson.ids), LABELS), np.float32)
    crown.eval()
    for places in batches(lesson.lengths, np.argsort(lesson.lengths, kind="stable")):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            scores[places] = crown(*check.states.batch(places)).float().numpy()[:, :LABELS]
    scores[~lesson.judged] = -np.inf
    for number, corpus in enumerate(CORPORA):
        own = lesson.corpora == number
        if own.sum() >= _ENOUGH:
            named = np.arange(LABELS) == scores[own].argmax(axis=1)[:, None]
            truth = lesson.shares[own] > 0
            accuracy = (named & truth).any(axis=1).mean()
            log.info("   %-26s %.3f %.3f", corpus.file, accuracy, _macro_f1(named, truth))


def _steps(lesson: Lesson, steps: int) -> Iterator[list[int]]:
    shares = np.array([corpus.share for corpus in CORPORA])
    dice = np.random.default_rng(SEED)
    left = steps
    while left:
        for places in epoch(lesson, shares, dice)[:left]:
            yield places
            left -= 1


def _groups(crown: Crown) -> list[dict[str, Any]]:
    """Give lower layers, which know language, smaller steps than the head, which knows nothing."""
    top = len(crown.layers) - 1
    layers: list[dict[str, Any]] = [
        {"params": list(layer.parameters()), "lr": PEAK * FADE ** (top - place)}
        for place, layer in enumerate(crown.layers)
    ]
    head = [*crown.head.parameters(), *crown.habits.parameters()]
    return [*layers, {"params": head, "lr": HEAD}]


def _pace(step: int, steps: int) -> float:
    """Return the share of the peak learning rate."""
    return min((step + 1) / WARM, (steps - step) / max(1, steps - WARM))


def _macro_f1(named: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    either = named.sum(axis=0) + truth.sum(axis=0)
    f1 = 2 * (named & truth).sum(axis=0) / np.maximum(1, either)
    return float(f1[truth.any(axis=0)].mean())


if __name__ == "__main__":
    main()
