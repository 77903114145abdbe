"""Sixty hand-written cases of what is hard: written before the shipped model was trained."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from xy_core.modules.emotion.backends.recogniser import Recogniser
from xy_core.modules.emotion.types import EmotionReading

UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Case:
    """One text and what may be read in it.

    Attributes:
        language: ``en`` or ``zh``; a mixed text has the one that its grammar is of.
        kind: what is hard about it.
        expected: emotions, each of them right, or ``unsure``.
        text: what is read.
    """

    language: str
    kind: str
    expected: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """A case and what was read."""

    case: Case
    reading: EmotionReading

    @property
    def right(self) -> bool:
        """Whether an expected emotion was read surely, or nothing surely where that is right."""
        if UNSURE in self.case.expected:
            return self.reading.unsure
        return not self.reading.unsure and self.reading.top.value in self.case.expected


def read_cases() -> list[Case]:
    """Return all cases in their order."""
    lines = (files("xy_core.evaluation.emotion") / "cases.tsv").read_text("utf-8").splitlines()
    return [
        Case(
            row["language"],
            row["kind"],
            tuple(row["expected"].split("|")),
            row["text"] * int(row["times"]),
        )
        for row in csv.DictReader(lines, delimiter="\t")
    ]


def judge(recogniser: Recogniser, cases: Sequence[Case], unsure_below: float) -> list[CaseVerdict]:
    """Read every case; a reading below `unsure_below` is unsure."""
    return [
        CaseVerdict(case, EmotionReading.found(recogniser.read(case.text), unsure_below))
        for case in cases
    ]
