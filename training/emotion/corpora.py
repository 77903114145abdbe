"""What is trained on: each reader yields examples in the product's seven labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from training.emotion.patterns import sentences
from xy_core.evaluation.emotion.cases import read_cases
from xy_core.evaluation.emotion.corpora import Example, clue, goemotions, meld, rows
from xy_core.modules.emotion.types import Emotion

SENTENCES = Path(__file__).with_name("sentences.tsv")
PATTERNS = Path(__file__).with_name("patterns.tsv")
HELD_OUT = 10
"""Of a corpus that has no file of its own for it, each tenth text is kept back from training: it
chooses temperatures and thresholds."""
GOEMOTIONS_DEV = "goemotions_ekman/dev.tsv"


@dataclass(frozen=True, slots=True)
class Corpus:
    """A file to train on.

    Attributes:
        reader: yields its examples.
        file: under the folder of the data.
        weight: of one example in the loss: noisier and more distant domains count less.
        breadth: of one example beside the others in the linear model and in calibration; of the
            project's own texts, whether the linear model learns from them.
        share: of its examples that an epoch of the encoder shows; above 1 if it shows them several
            times.
        has_neutral: whether its annotators could say that no emotion is there.
    """

    reader: Callable[[Path], Iterator[Example]]
    file: str
    weight: float
    breadth: float
    share: float
    has_neutral: bool = True


def everyday(language: str) -> Callable[[Path], Iterator[Example]]:
    """Return the reader of the project's own sentences of one language."""

    def read(file: Path) -> Iterator[Example]:
        for own, labels, text in rows(file):
            if own == language:
                yield Example(text, tuple(Emotion(label) for label in labels.split(",")))

    return read


def xed(file: Path) -> Iterator[Example]:
    """Read one language of XED; its anticipation and trust have no label here."""
    for text, ids in rows(file):
        found = tuple(_XED[number.strip()] for number in ids.split(",") if number.strip() in _XED)
        if found:
            yield Example(text, found)


def xed_neutral(file: Path) -> Iterator[Example]:
    """Read the neutral lines of XED."""
    for _, text in rows(file):
        yield Example(text, (Emotion.NEUTRAL,))


def cped(file: Path) -> Iterator[Example]:
    """Read CPED; relaxed and the "other" emotions have no label here."""
    for _, _, label, _, text in rows(file):
        if label in _CPED:
            yield Example(text, (_CPED[label],))


def patterned(language: str) -> Callable[[Path], Iterator[Example]]:
    """Return the reader of the sentences that the project's patterns of one language make."""

    def read(file: Path) -> Iterator[Example]:
        for own, labels, pattern in rows(file):
            if own == language:
                for text in sentences(pattern):
                    yield Example(text, tuple(Emotion(label) for label in labels.split(",")))

    return read


OWN = (
    Corpus(everyday("en"), str(SENTENCES), 1.0, 3.0, 4.0),
    Corpus(everyday("zh"), str(SENTENCES), 1.0, 3.0, 4.0),
    Corpus(patterned("en"), str(PATTERNS), 1.0, 0.0, 1.5),
    Corpus(patterned("zh"), str(PATTERNS), 1.0, 0.0, 1.5),
)
"""The project's own sentences; all of them are trained on."""
CORPORA = (
    Corpus(goemotions, "goemotions_ekman/train.tsv", 1.0, 1.0, 1.0),
    Corpus(xed, "xed_en/en-annotated.tsv", 0.6, 1.0, 0.6, has_neutral=False),
    Corpus(xed_neutral, "xed_en/neu_en.txt", 0.5, 0.5, 0.5),
    Corpus(xed, "xed_zh/cn.tsv", 0.3, 1.0, 1.0, has_neutral=False),
    Corpus(xed, "xed_zh/tw.tsv", 0.3, 1.0, 1.0, has_neutral=False),
    Corpus(xed, "xed_zh/zh.tsv", 0.3, 1.0, 1.0, has_neutral=False),
    Corpus(clue, "clue_emotion/valid.jsonl", 1.5, 2.0, 2.0, has_neutral=False),
    Corpus(cped, "cped/valid.tsv", 0.5, 0.5, 0.3),
    Corpus(cped, "cped/test.tsv", 0.5, 0.5, 0.3),
    *OWN,
)


TESTS = (
    (goemotions, "goemotions_ekman/test.tsv"),
    (meld, "meld/test.csv"),
    (clue, "clue_emotion/test.jsonl"),
)
"""What is tested on, beside the sixty cases, and must not be trained on."""


def taught(data: Path) -> list[tuple[int, Example]]:
    """Return what is trained on, each example after the number of its corpus."""
    return [
        (number, example)
        for number, place, example in _all(data)
        if place % HELD_OUT or CORPORA[number] in OWN or CORPORA[number].reader is goemotions
    ]


def held_out(data: Path) -> list[tuple[int, Example]]:
    """Return what calibrates; GoEmotions has a file of its own for it."""
    forbidden = _test_texts(data)
    return [
        *(
            (0, one)
            for one in goemotions(data / GOEMOTIONS_DEV)
            if essence(one.text) not in forbidden
        ),
        *(
            (number, example)
            for number, place, example in _all(data)
            if place % HELD_OUT == 0
            and CORPORA[number] not in OWN
            and CORPORA[number].reader is not goemotions
        ),
    ]


def essence(text: str) -> str:
    """Return a text's words alone, by which it is known again; all of it if it has none."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return " ".join(_WORD.findall(folded)) or folded.strip()


def _all(data: Path) -> Iterator[tuple[int, int, Example]]:
    """Yield corpus, place in it, and example of all that is in no test set."""
    forbidden = _test_texts(data)
    for number, corpus in enumerate(CORPORA):
        for place, example in enumerate(corpus.reader(data / corpus.file)):
            if essence(example.text) not in forbidden:
                yield number, place, example


def _test_texts(data: Path) -> frozenset[str]:
    public = (example.text for reader, file in TESTS for example in reader(data / file))
    return frozenset(map(essence, (*public, *(case.text for case in read_cases()))))


_WORD = re.compile(r"\w+")
_XED: Mapping[str, Emotion] = {
    "1": Emotion.ANGER,
    "3": Emotion.DISGUST,
    "4": Emotion.FEAR,
    "5": Emotion.JOY,
    "6": Emotion.SADNESS,
    "7": Emotion.SURPRISE,
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
