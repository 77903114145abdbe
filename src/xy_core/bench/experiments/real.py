"""Real models under load: four policies and threads, on one machine, side by side."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from functools import partial
from typing import Literal, Protocol

from xy_core.bench.experiments.direct import Naive, Policy, Report, Serial, Threads
from xy_core.bench.experiments.embedded import DirectModels, Inputs
from xy_core.bench.experiments.environment import describe, usable_cores
from xy_core.bench.experiments.experiment import (
    Experiment,
    OpenPolicy,
    plan,
    run_policy,
    summary,
)
from xy_core.bench.experiments.ours import XyCoreModules, for_many
from xy_core.bench.experiments.random_models import RandomModels
from xy_core.bench.experiments.record import Recorder, Run
from xy_core.bench.experiments.scheduled import XyCoreThreads
from xy_core.bench.experiments.shapes import Shape
from xy_core.bench.result import Check, Progress
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.errors import ConfigError
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import ModelStore
from xy_core.settings import Settings

Matrix = Literal["embedded", "edge-8gb", "random"]
_DIRECT = {"serial": Serial, "naive": Naive, "threads": Threads, "report": Report}
POLICIES = (*_DIRECT, "xy_core")
_TOKENS = 48
"""Of one reply; greedy, so that every policy writes the same."""


def run_real(
    settings: Settings,
    matrix: Matrix,
    shape: Shape,
    *,
    policies: Sequence[str] = POLICIES,
    repeats: int = 3,
    seed: int = 1,
    limits: str = "none",
    progress: Progress,
) -> Experiment:
    """Measure; a run of ten requests takes about a quarter of a minute, loading included.

    Raises:
        ConfigError: the matrix's models are not here; the message says what to pull.
    """
    _require(settings, matrix)
    settings = _repeatable(settings)
    experiment = Experiment("real", matrix, shape.title, seed, virtual=False, environment={})
    experiment.environment = describe(limits)
    run = _one_random if matrix == "random" else partial(_one, settings)
    order = plan(policies, repeats, seed)
    for number, (policy, repeat) in enumerate(order, 1):
        progress(f"{number}/{len(order)}: {policy}")
        experiment.runs.append(asyncio.run(run(policy, repeat, shape)))
        gc.collect()
    experiment.checks = _checks(experiment)
    return experiment


def _require(settings: Settings, matrix: Matrix) -> None:
    if matrix != "edge-8gb":
        return
    store = ModelStore(settings.models.root, settings.models.catalogue)
    entries = store.catalogue.profile(matrix)
    missing = [entry for entry in entries if entry.files and not store.installed(entry.id)]
    if missing:
        sizes = ", ".join(
            f"{entry.id} ({sum(file.size for file in entry.files) / 1e9:.1f} GB)"
            for entry in missing
        )
        raise ConfigError(
            f"the matrix {matrix} needs models that are not here: {sizes}; fetch them with  "
            f"xy-core models pull --profile {matrix}  or use --matrix embedded"
        )
    raise ConfigError(
        f"the models of the matrix {matrix} are here, but this version has no chain of requests "
        "for them: use --matrix embedded"
    )


def _repeatable(settings: Settings) -> Settings:
    llm = settings.llm.model_copy(update={"max_tokens": _TOKENS, "temperature": 0.0})
    return settings.model_copy(update={"llm": llm})


async def _one(settings: Settings, policy: str, repeat: int, shape: Shape) -> Run:
    inputs = Inputs(settings)
    if policy not in _DIRECT:
        tuned = for_many(settings, usable_cores())
        return await run_policy(
            policy, repeat, lambda recorder: XyCoreModules(tuned, inputs, recorder), shape
        )
    models = DirectModels(settings, inputs)

    def opened(recorder: Recorder) -> Policy:
        return _DIRECT[policy](models.chain(), recorder)

    return await _with_models(models, policy, repeat, opened, shape)


async def _one_random(policy: str, repeat: int, shape: Shape) -> Run:
    cores = usable_cores()
    ours = policy not in _DIRECT
    models = RandomModels(threads=1 if ours else cores)  # see `for_many`

    def opened(recorder: Recorder) -> Policy:
        if not ours:
            return _DIRECT[policy](models.chain(), recorder)
        config = SchedulerConfig(devices=(DeviceConfig(name="cpu", slots=cores),))
        return XyCoreThreads(models.chain(), recorder, GlobalTaskScheduler(config))

    return await _with_models(models, policy, repeat, opened, shape)


class _Loadable(Protocol):
    def load(self) -> None: ...

    def close(self) -> None: ...


async def _with_models(
    models: _Loadable, policy: str, repeat: int, opened: OpenPolicy, shape: Shape
) -> Run:
    await asyncio.to_thread(models.load)
    try:
        return await run_policy(policy, repeat, opened, shape)
    finally:
        models.close()


def _checks(experiment: Experiment) -> list[Check]:
    """What is to be shown of ten requests at once; only for policies that ran."""
    found = {name: summary(experiment.of(name)) for name in experiment.policies()}
    if not {"serial", "naive", "xy_core"} <= found.keys():
        return []

    def ratio(key: str, other: str) -> float:
        return round((found["xy_core"][key] or 0) / (found[other][key] or 1), 4)

    failed = sum(figures["failed"] or 0 for figures in found.values())
    if experiment.load != "embedded":
        return [Check("failed", failed, 0, "at most")]  # tiny models say nothing of real ones
    return [
        Check("throughput_vs_naive", ratio("requests_per_second", "naive"), 1.0, "at least"),
        Check("throughput_vs_serial", ratio("requests_per_second", "serial"), 1.0, "at least"),
        Check("median_latency_vs_naive", ratio("p50_from_submission", "naive"), 0.7, "at most"),
        Check("loop_block_ms", found["xy_core"]["loop_block_ms"], 20.64, "at most"),
        Check("naive_loop_block_ms", found["naive"]["loop_block_ms"], 500.0, "at least"),
        Check("failed", failed, 0, "at most"),
    ]
