"""An experiment as files beside its JSON: a table of all requests, and pictures."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from xy_core.bench.experiments.experiment import Experiment
from xy_core.bench.experiments.figures import draw_figures
from xy_core.core.files import atomic_path

_COLUMNS = ("policy", "repeat", "request", "submitted", "started", "ended", "error")
_FORMS = ("svg", "png")


def requests_table(experiment: Experiment) -> str:
    """Return all requests of all runs as CSV (RFC 4180); moments in seconds of their run."""
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(_COLUMNS)
    for run in experiment.runs:
        started = run.started()
        for one in run.requests:
            begun = started.get(one.number)
            writer.writerow(
                [
                    run.policy,
                    run.repeat,
                    one.number,
                    round(one.submitted, 6),
                    "" if begun is None else round(begun, 6),
                    round(one.ended, 6),
                    one.error,
                ]
            )
    return target.getvalue()


def write_figures(experiment: Experiment, folder: Path, language: int) -> list[Path]:
    """Write every figure as SVG and as PNG; returns the files.

    Args:
        experiment: what was measured.
        folder: where to; made if missing.
        language: 0 for English, 1 for Chinese.

    Raises:
        MissingExtraError: matplotlib is not installed.
        InputError: the folder cannot be written to.
    """
    written = []
    for form in _FORMS:
        for name, content in draw_figures(experiment, language, form).items():
            path = folder / f"{name}.{form}"
            with atomic_path(path) as part:
                part.write_bytes(content)
            written.append(path)
    return written
