"""The test sets: each reader yields examples in the product's seven labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xy_core.modules.emotion.types import Emotion


@dataclass(frozen=True, slots=True)
class Example:
    """One text and all the emotions that its annotators saw."""

    text: str
    emotions: tuple[Emotion, ...]


def goemotions(file: Path) -> Iterator[Example]:
    """Read GoEmotions in Ekman's labels."""
    labels = (file.parent / "labels.txt").read_text("utf-8").split()
    for text, ids, _ in rows(file):
        yield Example(text, tuple(Emotion(labels[int(number)]) for number in ids.split(",")))


def meld(file: Path) -> Iterator[Example]:
    """Read MELD, which may be used to evaluate only."""
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield Example(row["Utterance"], (Emotion(row["Emotion"]),))


def clue(file: Path) -> Iterator[Example]:
    """Read CLUE's emotion set, which has no neutral text."""
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        yield Example(row["content"], (_CLUE[row["label"]],))


def rows(file: Path) -> Iterator[list[str]]:
    """Yield the rows of a file separated by tabs that have as many columns as the first."""
    width = 0
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            row = line.rstrip("\n").split("\t")
            width = width or len(row)
            if len(row) == width:
                yield row


_CLUE: Mapping[str, Emotion] = {
    "like": Emotion.JOY,
    "happiness": Emotion.JOY,
    "sadness": Emotion.SADNESS,
    "anger": Emotion.ANGER,
    "disgust": Emotion.DISGUST,
    "fear": Emotion.FEAR,
    "surprise": Emotion.SURPRISE,
}
