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

FADE = 0.88
"""Each layer's learning rate, as a share of that of the layer above it."""
SMOOTH = 0.05
"""Share of each label that is spread over all: annotators err."""
DECAY = 0.01
_LOGGED = 25
_CHECKED = 200
_ENOUGH = 50


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training, with an optimiser of its own.

    Attributes:
        steps: how many.
        seed: of the order of the texts and of dropout.
        warm: steps in which the learning rate rises to its peak.
        end: the step at which it would have fallen to nothing; None if it stays.
        peak: learning rate of the highest layer.
        head: learning rate of the head.
        mixture: which of the corpora's shares counts.
    """

    steps: int
    seed: int
    warm: int
    end: int | None
    peak: float = 1.2e-4
    head: float = 1e-3
    mixture: int = 0

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """How much of each corpus an epoch shows."""
        return np.array([corpus.shares[self.mixture] for corpus in CORPORA])


STAGES = (
    Stage(400, 1, 101, None),
    Stage(200, 2, 54, 900),
    Stage(330, 3, 19, 330),
    Stage(150, 4, 19, 320, peak=7e-5, head=5e-4),
    Stage(200, 5, 12, 200, peak=5e-5, head=3e-4, mixture=1),
    Stage(1200, 7, 60, 1200, peak=1e-4, head=5e-4, mixture=2),
)
"""About two epochs in all. The first five parts were cut as a busy machine allowed, not because it
is best so; the last is as long as they are together and ends at a rate of nothing."""


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
    options.add_argument("--only", type=int, help="stop after so many steps of the first stage")
    options.add_argument("--after", type=int, default=0, help="stage that a run before has ended")
    given = options.parse_args()

    torch.set_num_threads(1)  # the order of additions, and so the result, depends on it
    torch.manual_seed(STAGES[0].seed)
    base = fetch(given.data, given.work)
    tokenizer = Tokenizer.from_str(base.tokenizer)
    ground, crown = Ground(base.tensors), Crown(base.tensors, len(CORPORA))
    lessons = [Lesson.of(of(given.data), tokenizer) for of in (taught, held_out)]
    course, check = (Course(one, Grounded.of(ground, one, given.work)) for one in lessons)
    stages = STAGES if given.only is None else (Stage(given.only, 1, 101, None),)
    if given.after:
        crown.load_state_dict(torch.load(given.work / f"{given.name}-{given.after}.pt"))
    for number, stage in enumerate(stages[given.after :], start=given.after + 1):
        train(crown, course, stage, check)
        torch.save(crown.state_dict(), given.work / f"{given.name}-{number}.pt")
    torch.save(crown.state_dict(), given.work / f"{given.name}.pt")


def train(crown: Crown, course: Course, stage: Stage, check: Course) -> None:
    """Teach the network for one stage."""
    torch.manual_seed(stage.seed)
    optimiser = torch.optim.AdamW(_groups(crown, stage), weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, stage))
    begun = time.monotonic()
    for number, places in enumerate(_steps(course.lesson, stage), start=1):
        crown.train()
        loss = cost(crown, course, places)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(crown.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if number % _LOGGED == 0:
            left = (time.monotonic() - begun) / number * (stage.steps - number)
            log.info("step %d of %d, loss %.3f, %.0f s left", number, stage.steps, loss, left)
        if number % _CHECKED == 0 or number == stage.steps:
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


def _steps(lesson: Lesson, stage: Stage) -> Iterator[list[int]]:
    dice = np.random.default_rng(stage.seed)
    left = stage.steps
    while left:
        for places in epoch(lesson, stage.shares, dice)[:left]:
            yield places
            left -= 1


def _groups(crown: Crown, stage: Stage) -> list[dict[str, Any]]:
    """Give lower layers, which know language, smaller steps than the head, which knows nothing."""
    top = len(crown.layers) - 1
    layers: list[dict[str, Any]] = [
        {"params": list(layer.parameters()), "lr": stage.peak * FADE ** (top - place)}
        for place, layer in enumerate(crown.layers)
    ]
    head = [*crown.head.parameters(), *crown.habits.parameters()]
    return [*layers, {"params": head, "lr": stage.head}]


def _pace(step: int, stage: Stage) -> float:
    """Return the share of the peak learning rate."""
    fall = (stage.end - step) / max(1, stage.end - stage.warm) if stage.end else 1.0
    return min((step + 1) / stage.warm, fall)


def _macro_f1(named: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    either = named.sum(axis=0) + truth.sum(axis=0)
    f1 = 2 * (named & truth).sum(axis=0) / np.maximum(1, either)
    return float(f1[truth.any(axis=0)].mean())


if __name__ == "__main__":
    main()
