"""Synthetic stress under the same policies: in real time, or on the virtual clock."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence

from pydantic import ByteSize

from xy_core.bench.experiments.chain import Chain
from xy_core.bench.experiments.direct import Naive, Policy, Report, Serial, Threads
from xy_core.bench.experiments.environment import describe
from xy_core.bench.experiments.experiment import Experiment, plan, run_policy, summary
from xy_core.bench.experiments.record import Recorder, Run
from xy_core.bench.experiments.scheduled import XyCoreThreads
from xy_core.bench.experiments.shapes import Shape
from xy_core.bench.experiments.simulated import run_simulated
from xy_core.bench.experiments.synthetic import products_a_second, synthetic_chain
from xy_core.bench.result import Check, Progress
from xy_core.bench.task_chain import Profile
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.sim_device import SimDevice

_DIRECT = {"serial": Serial, "naive": Naive, "threads": Threads, "report": Report}
SIMULATED = ("serial", "naive", "report", "xy_core")
"""Policies on the virtual clock: threads take no time there."""
SCALE = 0.02
"""Seconds of real time for a second of the report's profile."""


def run_stress(
    profile: Profile,
    shape: Shape,
    *,
    policies: Sequence[str] = SIMULATED,
    repeats: int = 3,
    seed: int = 1,
    virtual: bool = False,
    scale: float = SCALE,
    limits: str = "none",
    progress: Progress,
) -> Experiment:
    """Measure; with `virtual` it takes a moment, else about two seconds a run of ten requests."""
    experiment = Experiment("stress", "report", shape.title, seed, virtual, describe(limits))
    chain = () if virtual else synthetic_chain(profile, scale, products_a_second())
    for policy, repeat in plan(policies, 1 if virtual else repeats, seed):
        progress(f"{policy} {repeat + 1}")
        if virtual:
            run = run_simulated(policy, repeat, profile, shape)
        else:
            run = asyncio.run(_one(policy, repeat, chain, shape, profile.memory))
        experiment.runs.append(run)
        gc.collect()
    experiment.checks = _checks(experiment)
    return experiment


async def _one(policy: str, repeat: int, chain: Chain, shape: Shape, memory: int) -> Run:
    def opened(recorder: Recorder) -> Policy:
        if policy in _DIRECT:
            return _DIRECT[policy](chain, recorder)
        device = DeviceConfig(name="sim:0", slots=1, memory=ByteSize(memory))
        sim = SimDevice("sim:0", memory=memory, load_bandwidth=float(memory))
        config = SchedulerConfig(devices=(device,))
        return XyCoreThreads(chain, recorder, GlobalTaskScheduler(config, devices=[sim]))

    return await run_policy(policy, repeat, opened, shape)


def _checks(experiment: Experiment) -> list[Check]:
    found = {name: summary(experiment.of(name)) for name in experiment.policies()}
    if not {"naive", "report", "xy_core"} <= found.keys():
        return []
    ours = found["xy_core"]["requests_per_second"] or 0
    failed = found["xy_core"]["failed"]
    checks = [Check("failed", failed, 0, "at most")]
    for other in ("report", "serial"):
        if other in found:
            rate = found[other]["requests_per_second"] or 1
            checks.append(Check(f"throughput_vs_{other}", round(ours / rate, 4), 1.0, "at least"))
    return checks
