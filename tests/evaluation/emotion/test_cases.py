from __future__ import annotations

from collections import Counter

import pytest

from xy_core.evaluation.emotion.cases import UNSURE, Case, CaseVerdict, read_cases
from xy_core.modules.emotion.types import Emotion, EmotionReading

CASES = read_cases()


def test_there_are_sixty_half_in_each_language():
    assert Counter(case.language for case in CASES) == {"en": 30, "zh": 30}
    assert {"negation", "mixed", "emoji", "sarcasm", "request", "nothing", "long"} <= {
        case.kind for case in CASES
    }
    assert len({case.text for case in CASES}) == len(CASES)


def test_what_is_expected_can_be_read():
    names = {emotion.value for emotion in Emotion} | {UNSURE}
    assert {name for case in CASES for name in case.expected} <= names


def test_the_long_ones_are_long():
    assert all(len(case.text) > 80_000 for case in CASES if case.kind == "long")


@pytest.mark.parametrize(
    ("expected", "sureness", "right"),
    [
        (("joy",), 0.9, True),
        (("joy",), 0.3, False),
        (("sadness", "joy"), 0.9, True),
        (("fear",), 0.9, False),
        ((UNSURE,), 0.3, True),
        ((UNSURE,), 0.9, False),
    ],
)
def test_only_what_is_read_surely_counts(expected: tuple[str, ...], sureness: float, right: bool):
    rest = (1 - sureness) / (len(Emotion) - 1)
    shares = {emotion: sureness if emotion is Emotion.JOY else rest for emotion in Emotion}
    reading = EmotionReading.of(shares, unsure_below=0.4)
    assert CaseVerdict(Case("en", "kind", expected, "text"), reading).right is right
