"""Train the encoder on all corpora; see README.md.

python -m training.emotion.finetune --data FOLDER --work FOLDER
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from training.emotion.base import WIDTH, Base
from training.emotion.corpora import CORPORA, Example, everyday, held_out, taught
from training.emotion.encoder import FROZEN, LABELS, Crown, Ground
from xy_core.modules.emotion.backends.wording import worded
from xy_core.modules.emotion.types import Emotion

log = logging.getLogger(__name__)

LONGEST = 96
"""Tokens of a text that are learned from; five in a hundred of Weibo's texts are longer."""
TOKENS = 2_048
"""Tokens of one step, padding included."""
TEXTS = 96
"""Texts of one step at most."""
PEAK = 1.2e-4
HEAD_PEAK = 1e-3
FADE = 0.88
"""Each layer's learning rate, as a share of that of the layer above it."""
WARM = 0.06
SMOOTH = 0.05
DECAY = 0.01


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

    ids: Sequence[npt.NDArray[np.int64]]
    shares: npt.NDArray[np.float32]
    corpora: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    judged: npt.NDArray[np.bool_]


def main() -> None:
    """Train and store the network as ``network.pt`` in the work folder."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    options.add_argument("--work", type=Path, required=True, help="folder for what is made")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--epochs", type=float, default=3)
    options.add_argument("--steps", type=int, help="stop after so many")
    options.add_argument("--begin", type=Path, help="go on from this network")
    options.add_argument("--name", default="crown")
    options.add_argument("--hold", action="store_true", help="keep the learning rate at its peak")
    options.add_argument("--threads", type=int, default=1)
    given = options.parse_args()

    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads)
    base = fetch(given.data, given.work)
    tokenizer = Tokenizer.from_str(base.tokenizer)
    lesson = lesson_of(taught(given.data), tokenizer)
    check = lesson_of(held_out(given.data), tokenizer)
    ground, crown = Ground(base.tensors), Crown(base.tensors, len(CORPORA))
    seen = grounded(ground, check, given.work)
    states = grounded(ground, lesson, given.work)
    if given.begin:
        crown.load_state_dict(torch.load(given.begin))
    log.info("%d texts, %d tokens", len(lesson.ids), sum(map(len, lesson.ids)))
    train(crown, lesson, states, given, lambda: report(crown, check, seen))
    torch.save(crown.state_dict(), given.work / f"{given.name}.pt")


def fetch(data: Path, work: Path) -> Base:
    """Return the base with the tokens that the corpora need."""
    examples = (example for corpus in CORPORA for example in corpus.reader(data / corpus.file))
    return Base.fetch(work, (worded(example.text, _EVERY) for example in examples))


def lesson_of(examples: Sequence[tuple[int, Example]], tokenizer: Tokenizer) -> Lesson:
    """Turn examples into tokens and targets."""
    known = {token for token in tokenizer.get_vocab() if len(token) == 1}
    tokenizer.enable_truncation(LONGEST)
    encoded = tokenizer.encode_batch([worded(example.text, known) for _, example in examples])
    shares = [[(label in e.emotions) / len(e.emotions) for label in Emotion] for _, e in examples]
    corpora = [CORPORA[number] for number, _ in examples]
    judged = [[c.has_neutral or label is not Emotion.NEUTRAL for label in Emotion] for c in corpora]
    return Lesson(
        [np.array(one.ids) for one in encoded],
        np.array(shares, np.float32),
        np.array([number for number, _ in examples]),
        np.array([corpus.weight for corpus in corpora], np.float32),
        np.array(judged),
    )


class Grounded:
    """What the frozen layers make of each text, in half precision."""

    def __init__(self, states: Tensor, lengths: Sequence[int]) -> None:
        self._states = states
        self._ends = np.cumsum([0, *lengths]).tolist()

    def batch(self, places: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return padded states, shape (n, length, WIDTH), and the mask of what is a token."""
        lengths = [self._ends[place + 1] - self._ends[place] for place in places]
        states = torch.zeros((len(places), max(lengths), WIDTH))
        for row, place in enumerate(places):
            states[row, : lengths[row]] = self._states[self._ends[place] : self._ends[place + 1]]
        return states, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def grounded(ground: Ground, lesson: Lesson, cache: Path) -> Grounded:
    """Run all texts through the frozen layers, or read what an earlier run stored of a corpus."""
    parts = []
    for number in np.unique(lesson.corpora):
        places = np.flatnonzero(lesson.corpora == number)
        ids = [lesson.ids[place] for place in places]
        name = hashlib.sha256(str((FROZEN, [one.tolist() for one in ids])).encode()).hexdigest()
        file = cache / f"ground-{name[:16]}.pt"
        if not file.exists():
            torch.save(run_ground(ground, ids), file)
            log.info("%d texts of %s are grounded", len(ids), CORPORA[number].file)
        parts.append(torch.load(file))
    return Grounded(torch.cat(parts), [len(ids) for ids in lesson.ids])


def run_ground(ground: Ground, texts: Sequence[npt.NDArray[np.int64]]) -> Tensor:
    """Return the states of all tokens, shape (tokens, WIDTH)."""
    lengths = [len(ids) for ids in texts]
    ends = np.cumsum([0, *lengths])
    kept = torch.empty((int(ends[-1]), WIDTH), dtype=torch.bfloat16)
    for places in batches(lengths, np.argsort(lengths, kind="stable")):
        longest = max(lengths[place] for place in places)
        ids = np.ones((len(places), longest), np.int64)
        for row, place in enumerate(places):
            ids[row, : lengths[place]] = texts[place]
        mask = torch.arange(longest) < torch.tensor([lengths[p] for p in places])[:, None]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            states = ground(torch.from_numpy(ids), mask)
        for row, place in enumerate(places):
            kept[ends[place] : ends[place + 1]] = states[row, : lengths[place]]
    return kept


def batches(lengths: Sequence[int], order: npt.NDArray[np.int64]) -> Iterator[list[int]]:
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


def epoch(lesson: Lesson, dice: np.random.Generator) -> list[list[int]]:
    """Return the steps of one epoch: texts of about one length together, in a random order."""
    lengths = [len(ids) for ids in lesson.ids]
    shares = np.array([corpus.share for corpus in CORPORA])
    times = np.floor(shares[lesson.corpora] + dice.random(len(lengths))).astype(int)
    chosen = np.repeat(np.arange(len(lengths)), times)
    noisy = np.array(lengths)[chosen] * dice.uniform(0.8, 1.25, len(chosen))
    steps = list(batches(lengths, chosen[np.argsort(noisy)]))
    return [steps[place] for place in dice.permutation(len(steps))]


def train(crown, lesson, states, given, report) -> None:
    """Teach the network."""
    dice = np.random.default_rng(given.seed)
    whole = math.ceil(given.epochs)
    steps = [step for _ in range(whole) for step in epoch(lesson, dice)]
    steps = steps[: int(len(steps) * given.epochs / whole)][: given.steps]
    optimiser = torch.optim.AdamW(groups(crown), weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda n: pace(n, len(steps), given.hold)
    )
    begun, running, tokens = time.monotonic(), 0.0, 0
    crown.train()
    for number, places in enumerate(steps):
        inward, mask = states.batch(places)
        with torch.autocast("cpu", torch.bfloat16):
            scores = crown(inward, mask)
        loss = cost(
            scores.float() + crown.habits(torch.from_numpy(lesson.corpora[places])), lesson, places
        )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(crown.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        running = 0.98 * running + 0.02 * loss.item()
        tokens += int(mask.sum())
        if number % 25 == 24:
            spent = time.monotonic() - begun
            log.info(
                "step %d of %d, loss %.4f, %.0f tokens/s, %.0f s left",
                number + 1,
                len(steps),
                running / (1 - 0.98 ** (number + 1)),
                tokens / spent,
                spent / (number + 1) * (len(steps) - number - 1),
            )
        if number % 200 == 199 or number == len(steps) - 1:
            crown.eval()
            report()
            torch.save(crown.state_dict(), given.work / f"{given.name}.part.pt")
            crown.train()


def groups(crown: Crown) -> list[dict[str, object]]:
    """Give lower layers, which know language, smaller steps than the head, which knows nothing."""
    top = len(crown.layers) - 1
    layers: list[dict[str, object]] = [
        {"params": list(layer.parameters()), "lr": PEAK * FADE ** (top - place)}
        for place, layer in enumerate(crown.layers)
    ]
    head = [*crown.head.parameters(), *crown.habits.parameters()]
    return [*layers, {"params": head, "lr": HEAD_PEAK}]


def pace(step: int, steps: int, hold: bool) -> float:
    """Return the share of the peak learning rate: up for a while, then down to nothing."""
    warm = max(1, int(steps * WARM))
    return min((step + 1) / warm, 1.0 if hold else (steps - step) / max(1, steps - warm))


def cost(scores: Tensor, lesson: Lesson, places: Sequence[int]) -> Tensor:
    """Return the loss: which emotion it is (cross-entropy) and which are present (binary)."""
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


def report(crown: Crown, check: Lesson, states: Grounded) -> None:
    """Log accuracy and macro-F1 of each corpus that was held out."""
    which, _ = scored(crown, check, states)
    for number, corpus in enumerate(CORPORA):
        own = check.corpora == number
        if own.sum() < 50:
            continue
        guess = np.where(check.judged[own], which[own], -1e9).argmax(axis=1)
        truth = check.shares[own] > 0
        right = truth[np.arange(len(guess)), guess].mean()
        log.info(
            "   %-32s n %5d accuracy %.3f macro-F1 %.3f",
            corpus.file,
            own.sum(),
            right,
            macro(guess, truth),
        )


def macro(guess: npt.NDArray[np.int64], truth: npt.NDArray[np.bool_]) -> float:
    """Return the mean F1 of the emotions that occur."""
    named = np.arange(LABELS) == guess[:, None]
    both, either = (named & truth).sum(axis=0), named.sum(axis=0) + truth.sum(axis=0)
    return float((2 * both / np.maximum(1, either))[truth.any(axis=0)].mean())


def scored(
    crown: Crown, check: Lesson, states: Grounded
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the scores of all texts, each of shape (n, 7): which emotion, and which are present."""
    lengths = [len(ids) for ids in check.ids]
    found = np.empty((len(lengths), 2 * LABELS), np.float32)
    crown.eval()
    for places in batches(lengths, np.argsort(lengths, kind="stable")):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            found[places] = crown(*states.batch(places)).float().numpy()
    return found[:, :LABELS], found[:, LABELS:]


class _Every:
    """Knows every character: which have a token of their own is not yet decided."""

    def __contains__(self, _: object) -> bool:
        return True


_EVERY = _Every()

if __name__ == "__main__":
    main()
