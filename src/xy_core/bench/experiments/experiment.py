"""One experiment: policies in an order that the seed decides, warm-up, repeats, figures."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from xy_core.bench.experiments.chain import Turn
from xy_core.bench.experiments.direct import Policy
from xy_core.bench.experiments.interval import interval
from xy_core.bench.experiments.record import Recorder, Run
from xy_core.bench.experiments.shapes import Shape, offer
from xy_core.bench.experiments.watch import watched
from xy_core.bench.result import BenchResult, Check, Figures

OpenPolicy = Callable[[Recorder], Policy]


@dataclass(slots=True)
class Experiment:
    """What was measured, and how.

    Attributes:
        kind: ``real`` or ``stress``.
        load: the matrix or the profile.
        shape: of the load, in words.
        seed: of the order and of chance arrivals.
        virtual: whether time was simulated.
        environment: the machine and the versions.
        runs: in the order in which they were measured.
        checks: what was to be shown.
    """

    kind: str
    load: str
    shape: str
    seed: int
    virtual: bool
    environment: Mapping[str, str | int]
    runs: list[Run] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def of(self, policy: str) -> list[Run]:
        """Return the runs of one policy."""
        return [run for run in self.runs if run.policy == policy]

    def policies(self) -> list[str]:
        """Return the names of the policies, by name of ours last."""
        names = dict.fromkeys(run.policy for run in self.runs)
        return sorted(names, key=_ORDER.index)

    def result(self) -> BenchResult:
        """Return the figures as other benchmarks do."""
        rows = {policy: summary(self.of(policy)) for policy in self.policies()}
        return BenchResult(self.kind, rows, self.checks, self.environment)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON types."""
        return {
            "kind": self.kind,
            "load": self.load,
            "shape": self.shape,
            "seed": self.seed,
            "virtual": self.virtual,
            **{key: value for key, value in self.result().as_json().items() if key != "name"},
            "intervals": {name: intervals(self.of(name)) for name in self.policies()},
            "runs": [run.as_json() for run in self.runs],
        }


_ORDER = ("serial", "naive", "threads", "report", "xy_core")


def plan(policies: Sequence[str], repeats: int, seed: int) -> list[tuple[str, int]]:
    """Return every policy in every repetition; the seed decides the order within each."""
    source = random.Random(seed)  # noqa: S311 - an order, not a secret
    order = []
    for repeat in range(repeats):
        order += [(policy, repeat) for policy in source.sample(list(policies), len(policies))]
    return order


async def run_policy(policy_name: str, repeat: int, open_policy: OpenPolicy, shape: Shape) -> Run:
    """Open a policy, warm it up, offer the load, and close it."""
    recorder = Recorder(Run(policy_name, repeat))
    policy = open_policy(recorder)
    async with policy:
        # Two at once: models that serve two at a time have room for the second only then.
        await asyncio.gather(policy.request(Turn(-1)), policy.request(Turn(-1)))
        recorder.restart()
        async with watched(recorder):
            await offer(policy, shape, recorder)
        policy.finish()
    return recorder.run


def intervals(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the figures that repeats can vary, each with its interval."""
    by_run: dict[str, list[float]] = {
        "throughput": [len(run.served()) / run.seconds for run in runs if run.seconds],
        "p50_from_submission": [quantile(from_submission(run), 0.5) for run in runs],
        "p50_from_start": [quantile(from_start(run), 0.5) for run in runs],
        "loop_block_ms": [max(run.lags, default=0.0) * 1e3 for run in runs],
    }
    return {name: asdict(interval(values)) for name, values in by_run.items() if values}


def summary(runs: Sequence[Run]) -> Figures:
    """Return the medians over repeats; the longest block is the longest of all."""
    figures: dict[str, float | int | None] = {
        "requests_per_second": _middle([len(run.served()) / (run.seconds or 1) for run in runs], 5)
    }
    for name, seconds in (("submission", from_submission), ("start", from_start)):
        for share in (50, 95, 99):
            values = [quantile(seconds(run), share / 100) for run in runs]
            figures[f"p{share}_from_{name}"] = _middle(values, 3)
    lags = [run.lags for run in runs if run.lags]
    figures["loop_block_ms"] = round(max(map(max, lags)) * 1e3, 2) if lags else None
    figures["failed"] = sum(bool(one.error) for run in runs for one in run.requests)
    peaks = [size for run in runs for _, size in run.memory]
    figures["peak_mb"] = max(peaks) >> 20 if peaks else None
    return figures


def from_submission(run: Run) -> list[float]:
    """Return the seconds from each request to its answer."""
    return [one.ended - one.submitted for one in run.served()]


def from_start(run: Run) -> list[float]:
    """Return the seconds from each request's first computation to its answer."""
    begun = run.started()
    return [one.ended - begun[one.number] for one in run.served() if one.number in begun]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of them do not exceed, by rank; 0 without values."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))] if ordered else 0.0


def _middle(values: Sequence[float], digits: int) -> float:
    return round(interval(values).value, digits)
