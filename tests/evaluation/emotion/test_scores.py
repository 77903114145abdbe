from __future__ import annotations

import numpy as np
import pytest

from xy_core.evaluation.emotion.corpora import Example
from xy_core.evaluation.emotion.scores import LABELS, Verdicts, macro_f1, weighted_f1
from xy_core.modules.emotion.types import NEUTRAL_ONLY, Emotion, Recognition

JOY, FEAR, NEUTRAL = (LABELS.index(label) for label in (Emotion.JOY, Emotion.FEAR, Emotion.NEUTRAL))


def hot(*rows: tuple[int, ...]) -> np.ndarray:
    return np.array([[place in row for place in range(len(LABELS))] for row in rows])


def test_f1_counts_the_emotions_that_occur():
    truth = hot((JOY,), (JOY,), (JOY,), (FEAR,))
    named = hot((JOY,), (JOY,), (FEAR,), (FEAR,))
    joy, fear = 2 * 2 / (2 + 3), 2 * 1 / (2 + 1)
    assert macro_f1(named, truth) == pytest.approx((joy + fear) / 2)
    assert weighted_f1(named, truth) == pytest.approx((3 * joy + fear) / 4)


def test_f1_of_several_emotions_a_text():
    truth = hot((JOY, FEAR), (FEAR,))
    named = hot((JOY,), (JOY, FEAR))
    assert macro_f1(named, truth) == pytest.approx((2 / 3 + 2 / 3) / 2)


def verdicts(sure: list[float], right: list[bool]) -> Verdicts:
    shares = np.zeros((len(sure), len(LABELS)))
    shares[:, JOY] = sure
    shares[:, FEAR] = 1 - np.array(sure)
    truth = hot(*((JOY,) if hit else (NEUTRAL,) for hit in right))
    return Verdicts(shares, shares > 0.5, truth)


def test_who_is_right_as_often_as_sure_has_no_calibration_error():
    assert verdicts([0.75] * 4, [True, True, True, False]).calibration_error == pytest.approx(0)


def test_who_is_surer_than_right_has():
    assert verdicts([0.9] * 2, [True, False]).calibration_error == pytest.approx(0.4)
    mixed = verdicts([1.0, 1.0, 0.6, 0.6], [True, True, False, True])
    assert mixed.calibration_error == pytest.approx(0.05)


def test_where_neutral_is_no_answer_the_others_share_its_part():
    shares = np.zeros((1, len(LABELS)))
    shares[0, [JOY, FEAR, NEUTRAL]] = 0.1, 0.3, 0.6
    six = Verdicts(shares, shares > 0.5, hot((FEAR,))).without_neutral()
    assert six.shares[0, [JOY, FEAR, NEUTRAL]] == pytest.approx([0.25, 0.75, 0])
    assert six.accuracy == 1


def test_what_says_nothing_is_neutral():
    class Half:
        def read(self, text: str) -> Recognition | None:
            joy = dict(NEUTRAL_ONLY) | {Emotion.JOY: 1.0, Emotion.NEUTRAL: 0.0}
            return Recognition(joy, joy, (Emotion.JOY,)) if text else None

    examples = [Example("yes", (Emotion.JOY,)), Example("", (Emotion.NEUTRAL,))]
    found = Verdicts.of(Half(), examples)
    assert found.accuracy == 1
    assert (found.named == found.truth).all()
