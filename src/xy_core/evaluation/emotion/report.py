"""All figures of the emotion recogniser, held against what they should reach."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.core.errors import InputError
from xy_core.evaluation.emotion.cases import CaseVerdict, judge, read_cases
from xy_core.evaluation.emotion.corpora import Example, clue, goemotions, meld
from xy_core.evaluation.emotion.scores import Verdicts, macro_f1, weighted_f1
from xy_core.evaluation.emotion.serving import ServingCost, serving_cost
from xy_core.modules.emotion.backends.recogniser import load_recogniser

_MOST_CALIBRATION_ERROR = 0.05
_TIMED = 1_000


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A public test set; its texts are in nothing that the shipped model was trained on.

    Attributes:
        file: under the folder of the data.
        sha256: of the file that was kept out of training.
        read: its reader.
        has_neutral: whether its annotators could say that no emotion is there.
        bounds: what its figures should reach at least.
    """

    file: str
    sha256: str
    read: Callable[[Path], Iterator[Example]]
    has_neutral: bool
    bounds: Mapping[str, float]


PUBLIC_SETS: Mapping[str, PublicSet] = {
    "goemotions-ekman": PublicSet(
        "goemotions_ekman/test.tsv",
        "f9f9b91827fe134259469368b93abddc2a52e2e2a87beab661023b06cf490baa",
        goemotions,
        has_neutral=True,
        bounds={"macro_f1": 0.64},
    ),
    "meld": PublicSet(
        "meld/test.csv",
        "8d37103938f7067600839fe29d5a114a6cd1bcdafb75bec101e06464c5006888",
        meld,
        has_neutral=True,
        bounds={"weighted_f1": 0.48},
    ),
    "clue-emotion": PublicSet(
        "clue_emotion/test.jsonl",
        "651457927a6130006380d9596bae398f372b749b3820af017231b7ead0dd9324",
        clue,
        has_neutral=False,
        bounds={"accuracy": 0.65, "macro_f1": 0.50},
    ),
}


@dataclass(frozen=True, slots=True)
class EmotionReport:
    """What was measured, and how each of the hand-written cases was read."""

    result: BenchResult
    cases: Sequence[CaseVerdict]


def evaluate(data: Path, unsure_below: float, progress: Progress) -> EmotionReport:
    """Measure the shipped recogniser.

    Args:
        data: folder of the test sets.
        unsure_below: a reading whose likeliest emotion is less likely is unsure.
        progress: told what is being measured.

    Raises:
        InputError: a test set is missing or is not the one that was kept out of training.
        BackendError: the model cannot be read.
    """
    sets = {name: _examples(name, data) for name in PUBLIC_SETS}
    recogniser = load_recogniser()
    rows: dict[str, Figures] = {}
    checks: list[Check] = []
    for name, examples in sets.items():
        progress(f"{name}: {len(examples)}")
        rows[name] = _figures(PUBLIC_SETS[name], Verdicts.of(recogniser, examples))
        checks += _checks(name, PUBLIC_SETS[name], rows[name])
    progress("cases")
    cases = judge(recogniser, read_cases(), unsure_below)
    rows["cases"] = _case_figures(cases)
    progress("time and memory")
    cost = serving_cost(_timed(list(sets.values())))
    rows["serving"] = _cost_figures(cost)
    checks += [
        Check("cases: right", rows["cases"]["right"], 0.8, "at least"),
        Check("serving: median ms", cost.median_ms, 8, "at most"),
        Check("serving: p99 ms", cost.p99_ms, 20, "at most"),
        Check("serving: rss MiB", cost.rss_mib, 150, "at most"),
    ]
    return EmotionReport(BenchResult("emotion", rows, checks), cases)


def _examples(name: str, data: Path) -> list[Example]:
    wanted = PUBLIC_SETS[name]
    file = data / wanted.file
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}): see training/emotion/README.md for where "
            "to download the test sets"
        ) from error
    if hashlib.sha256(content).hexdigest() != wanted.sha256:
        raise InputError(
            f"{file} is not the file that was kept out of training (sha256 {wanted.sha256}): "
            "download it again"
        )
    return list(wanted.read(file))


def _figures(public_set: PublicSet, verdicts: Verdicts) -> dict[str, float]:
    """Return a set's figures; where several emotions may be named, the F1 is of all of them."""
    judged = verdicts if public_set.has_neutral else verdicts.without_neutral()
    several = bool((judged.truth.sum(axis=1) > 1).any())
    named = judged.named if several else judged.top
    found = {
        "macro_f1": macro_f1(named, judged.truth),
        "weighted_f1": weighted_f1(named, judged.truth),
        "accuracy": judged.accuracy,
        "calibration_error": judged.calibration_error,
    }
    return {"texts": len(judged.truth)} | {key: round(value, 4) for key, value in found.items()}


def _checks(name: str, public_set: PublicSet, figures: Figures) -> Iterator[Check]:
    for figure, bound in public_set.bounds.items():
        yield Check(f"{name}: {figure}", figures[figure], bound, "at least")
    error = figures["calibration_error"]
    yield Check(f"{name}: calibration_error", error, _MOST_CALIBRATION_ERROR, "at most")


def _case_figures(cases: Sequence[CaseVerdict]) -> dict[str, float]:
    right = [verdict.right for verdict in cases]
    figures: dict[str, float] = {"cases": len(cases), "right": round(sum(right) / len(right), 4)}
    for language in ("en", "zh"):
        own = [verdict.right for verdict in cases if verdict.case.language == language]
        figures[language] = round(sum(own) / len(own), 4)
    return figures


def _cost_figures(cost: ServingCost) -> dict[str, float]:
    return {
        "median_ms": cost.median_ms,
        "p99_ms": cost.p99_ms,
        "rss_mib": cost.rss_mib,
        "load_ms": cost.load_ms,
    }


def _timed(sets: Sequence[Sequence[Example]]) -> list[str]:
    """Return about as many texts of each set, spread over it."""
    each = _TIMED // len(sets)
    return [e.text for one in sets for e in one[:: max(1, len(one) // each)]]
