"""The synthetic load on a simulated machine and a virtual clock: the same schedule each time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import ParamSpec, Self

from xy_core.bench.experiments.chain import Turn
from xy_core.bench.experiments.record import Recorder, Run
from xy_core.bench.experiments.shapes import Shape, offer
from xy_core.bench.policies import POLICIES, Policy
from xy_core.bench.task_chain import Machine, Profile
from xy_core.core.clock import run_virtual
from xy_core.core.sim_device import SimDevice

P = ParamSpec("P")
_request: ContextVar[int] = ContextVar("xy_core_bench_request", default=-1)


def run_simulated(policy: str, repeat: int, profile: Profile, shape: Shape) -> Run:
    """Run one policy on the virtual clock; takes a moment."""
    return run_virtual(_run(policy, repeat, profile, shape))


async def _run(policy: str, repeat: int, profile: Profile, shape: Shape) -> Run:
    recorder = Recorder(Run(policy, repeat), asyncio.get_running_loop().time)
    machine = _RecordingMachine(profile, recorder)
    async with _Adapted(POLICIES[policy](machine)) as running:
        await offer(running, shape, recorder)
        recorder.run.snapshot = [_line(gpu) for gpu in machine.gpus]
    return recorder.run


def _line(gpu: SimDevice) -> str:
    memory, failed = gpu.read_memory(), gpu.out_of_memory_errors
    used, total = (memory.total - memory.free) >> 20, memory.total >> 20
    return f"{gpu.name}  {used} / {total} MiB in use  out of memory {failed} times"


class _Adapted:
    """A policy of simulated machines, asked by turns."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def __aenter__(self) -> Self:
        await self._policy.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._policy.__aexit__(*exception)

    async def request(self, turn: Turn) -> None:
        """See `Policy` of the experiments."""
        _request.set(turn.number)  # each request is a task, so it has a context of its own
        await self._policy.request()

    def finish(self) -> None:
        """See `Policy` of the experiments; everything was recorded as it happened."""


class _RecordingMachine(Machine):
    """A machine that writes down what computes when.

    Stages are handed out as functions bound to the request that asks for them: the workers that
    run them belong to nobody's context.
    """

    def __init__(self, profile: Profile, recorder: Recorder) -> None:
        super().__init__(profile)
        self._recorder = recorder

    @property
    def see(self) -> Callable[[SimDevice], Awaitable[None]]:  # type: ignore[override]
        """See `Machine`."""
        return self._noted("see", "device", super().see)

    @property
    def think(self) -> Callable[[], Awaitable[None]]:  # type: ignore[override]
        """See `Machine`."""
        return self._noted("think", "processor", super().think)

    @property
    def speak(self) -> Callable[[], Awaitable[None]]:  # type: ignore[override]
        """See `Machine`."""
        return self._noted("speak", "network", super().speak)

    @property
    def draw(self) -> Callable[[SimDevice], Awaitable[None]]:  # type: ignore[override]
        """See `Machine`."""
        return self._noted("draw", "device", super().draw)

    def _noted(
        self, part: str, lane: str, stage: Callable[P, Awaitable[None]]
    ) -> Callable[P, Awaitable[None]]:
        number = _request.get()

        async def noted(*args: P.args, **kwargs: P.kwargs) -> None:
            with self._recorder.span(number, part, lane):
                await stage(*args, **kwargs)

        return noted
