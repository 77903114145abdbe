"""The corpora: each reader yields examples in the product's seven labels."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xy_core.modules.emotion.types import Emotion

SENTENCES = Path(__file__).with_name("sentences.tsv")


@dataclass(frozen=True, slots=True)
class Example:
    """One text and all the emotions that its annotators saw."""

    text: str
    emotions: tuple[Emotion, ...]


def everyday(language: str) -> Iterator[Example]:
    """Read the project's own sentences of one language."""
    for own, label, text in _rows(SENTENCES, "\t"):
        if own == language:
            yield Example(text, (Emotion(label),))


def goemotions(file: Path) -> Iterator[Example]:
    """Read GoEmotions in Ekman's labels."""
    labels = (file.parent / "labels.txt").read_text("utf-8").split()
    for text, ids, _ in _rows(file, "\t"):
        yield Example(text, tuple(Emotion(labels[int(number)]) for number in ids.split(",")))


def meld(file: Path) -> Iterator[Example]:
    """Read MELD, which may be used to evaluate only."""
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield Example(row["Utterance"], (Emotion(row["Emotion"]),))


def xed(file: Path) -> Iterator[Example]:
    """Read one language of XED; its anticipation and trust have no label here."""
    for text, ids in _rows(file, "\t"):
        found = tuple(_XED[number.strip()] for number in ids.split(",") if number.strip() in _XED)
        if found:
            yield Example(text, found)


def xed_neutral(file: Path) -> Iterator[Example]:
    """Read the neutral lines of XED."""
    for _, text in _rows(file, "\t"):
        yield Example(text, (Emotion.NEUTRAL,))


def clue(file: Path) -> Iterator[Example]:
    """Read CLUE's emotion set, which has no neutral text."""
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        yield Example(row["content"], (_CLUE[row["label"]],))


def cped(file: Path) -> Iterator[Example]:
    """Read CPED; relaxed and the "other" emotions have no label here."""
    for _, _, label, _, text in _rows(file, "\t"):
        if label in _CPED:
            yield Example(text, (_CPED[label],))


TRAINING: tuple[tuple[Callable[[Path], Iterator[Example]], str, float], ...] = (
    (goemotions, "goemotions_ekman/train.tsv", 1.0),
    (xed, "xed_en/en-annotated.tsv", 0.5),
    (xed_neutral, "xed_en/neu_en.txt", 0.5),
    (xed, "xed_zh/cn.tsv", 0.2),
    (xed, "xed_zh/tw.tsv", 0.2),
    (xed, "xed_zh/zh.tsv", 0.2),
    (clue, "clue_emotion/valid.jsonl", 3.0),
    (cped, "cped/valid.tsv", 0.4),
    (cped, "cped/test.tsv", 0.4),
)
"""Reader, file and weight of one example: noisier and more distant domains count less."""

_XED: Mapping[str, Emotion] = {
    "1": Emotion.ANGER,
    "3": Emotion.DISGUST,
    "4": Emotion.FEAR,
    "5": Emotion.JOY,
    "6": Emotion.SADNESS,
    "7": Emotion.SURPRISE,
}
_CLUE: Mapping[str, Emotion] = {
    "like": Emotion.JOY,
    "happiness": Emotion.JOY,
    "sadness": Emotion.SADNESS,
    "anger": Emotion.ANGER,
    "disgust": Emotion.DISGUST,
    "fear": Emotion.FEAR,
    "surprise": Emotion.SURPRISE,
}
_CPED: Mapping[str, Emotion] = {
    "happy": Emotion.JOY,
    "grateful": Emotion.JOY,
    "sadness": Emotion.SADNESS,
    "depress": Emotion.SADNESS,
    "anger": Emotion.ANGER,
    "fear": Emotion.FEAR,
    "worried": Emotion.FEAR,
    "astonished": Emotion.SURPRISE,
    "disgust": Emotion.DISGUST,
    "neutral": Emotion.NEUTRAL,
}


def _rows(file: Path, separator: str) -> Iterator[list[str]]:
    width = 0
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            row = line.rstrip("\n").split(separator)
            width = width or len(row)
            if len(row) == width:
                yield row
