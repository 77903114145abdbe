"""All benchmarks, one after the other."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from xy_core.bench.experiments.embedded import DirectModels, Inputs
from xy_core.bench.experiments.real import POLICIES, run_real
from xy_core.bench.experiments.shapes import make_shape
from xy_core.bench.experiments.stress import run_stress
from xy_core.bench.result import BenchResult, Progress
from xy_core.bench.task_chain import Profile
from xy_core.settings import Settings

_QUICK = ("overhead", "isolation", "bus", "pipeline", "residency", "host")
_FULL = (*_QUICK, "recovery")
_LEAK_TASKS = {True: 50_000, False: 1_000_000}
_QUICK_POLICIES = tuple(policy for policy in POLICIES if policy != "threads")
"""Those of the report: one more would take half a minute."""


def run_all(settings: Settings, *, quick: bool, progress: Progress) -> Sequence[BenchResult]:
    """Measure everything; quick takes at most five minutes on a quiet machine.

    Raises:
        ModelNotInstalledError: a model of the profile ``embedded`` is not here; nothing was
            measured.
        MissingExtraError: a library of the extra ``embedded`` is not installed.
    """
    DirectModels(settings, Inputs(settings))  # what is missing is told now, not after minutes
    results: list[BenchResult] = []
    for name in _QUICK if quick else _FULL:
        progress(name)
        module: Any = importlib.import_module(f"xy_core.bench.{name}")
        results.append(module.run(quick=quick, progress=progress))
    leak: Any = importlib.import_module("xy_core.bench.leak")
    results.append(leak.run(tasks=_LEAK_TASKS[quick], progress=progress))
    shape = make_shape("burst", requests=10, clients=0, rate=1.0, seed=1)
    results.append(run_stress(Profile(), shape, virtual=True, progress=progress).result())
    repeats, policies = (1, _QUICK_POLICIES) if quick else (3, POLICIES)
    real = run_real(
        settings, "embedded", shape, policies=policies, repeats=repeats, progress=progress
    )
    return [*results, real.result()]
