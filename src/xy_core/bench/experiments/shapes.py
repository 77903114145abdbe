"""How requests come: all at once, each after an answer, by chance, or as a trace recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from xy_core.bench.experiments.chain import Turn
from xy_core.bench.experiments.direct import Policy
from xy_core.bench.experiments.record import Recorder, Request
from xy_core.bench.load import at_once, poisson
from xy_core.core.errors import ConfigError

ShapeName = Literal["burst", "closed", "poisson", "replay"]
_MOST = 10_000
_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Shape:
    """A load's shape.

    Attributes:
        name: ``burst``, ``closed``, ``poisson`` or ``replay``.
        arrivals: when requests come, in seconds from the beginning; all 0 if closed.
        clients: how many keep asking, if closed; 0 otherwise.
    """

    name: ShapeName
    arrivals: tuple[float, ...]
    clients: int = 0

    @property
    def title(self) -> str:
        """A few words for tables."""
        count = len(self.arrivals)
        return f"closed {count}/{self.clients}" if self.clients else f"{self.name} {count}"


def make_shape(
    name: ShapeName,
    *,
    requests: int,
    clients: int,
    rate: float,
    seed: int,
    trace: Path | None = None,
) -> Shape:
    """Make a shape.

    Args:
        name: which.
        requests: how many come; those of the trace for ``replay``.
        clients: how many keep asking (closed).
        rate: requests a second (Poisson).
        seed: of the arrivals (Poisson).
        trace: a file in the schema of ``Trace.as_report`` (replay).

    Raises:
        ConfigError: there is no trace to replay, or it is not one.
    """
    if name == "closed":
        return Shape(name, (0.0,) * requests, clients)
    if name == "poisson":
        return Shape(name, tuple(poisson(requests, rate, seed)))
    if name == "replay":
        if trace is None:
            raise ConfigError("a replay needs a recorded trace: give --trace trace.json")
        return Shape(name, tuple(arrivals_of(trace)))
    return Shape(name, tuple(at_once(requests)))


def arrivals_of(trace: Path) -> list[float]:
    """Return when tasks were scheduled in a recorded trace, in seconds from the first.

    Raises:
        ConfigError: the file cannot be read, is too large, or holds no such events.
    """
    moments = sorted(float(row["ts"]) for row in read_trace(trace, "task_scheduled"))
    if len(moments) > _MOST:
        raise ConfigError(f"{trace} has {len(moments):,} requests; at most {_MOST:,} are replayed")
    return [moment - moments[0] for moment in moments]


def read_trace(path: Path, event: str) -> list[dict[str, Any]]:
    """Return the events of one kind in a recorded trace; at least one.

    Raises:
        ConfigError: the file cannot be read, is too large, or holds no such events.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} is over {_MOST_BYTES >> 20} MiB: cut the trace")
        rows = json.loads(path.read_text("utf-8"))
        found = [row for row in rows if row.get("event") == event]
        for row in found:
            float(row["ts"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} is no recorded trace (see `xy-core demo`): {error}") from error
    if not found:
        raise ConfigError(f"{path} has no {event!r} events")
    return found


async def offer(policy: Policy, shape: Shape, recorder: Recorder) -> None:
    """Let all requests come, and wait until all have ended; a failed one is recorded."""
    if shape.clients:
        numbers = iter(range(len(shape.arrivals)))

        async def client() -> None:
            for number in numbers:
                await _serve(policy, number, recorder)

        async with asyncio.TaskGroup() as group:
            for _ in range(shape.clients):
                group.create_task(client())
    else:
        await _open(policy, shape.arrivals, recorder)
    recorder.run.requests.sort(key=lambda one: one.number)


async def _open(policy: Policy, arrivals: Sequence[float], recorder: Recorder) -> None:
    begun = recorder.now()

    async def later(number: int, arrival: float) -> None:
        due = begun + arrival
        await asyncio.sleep(max(0.0, due - recorder.now()))
        await _serve(policy, number, recorder, due)

    async with asyncio.TaskGroup() as group:
        for number, arrival in enumerate(arrivals):
            group.create_task(later(number, arrival))


async def _serve(policy: Policy, number: int, recorder: Recorder, due: float | None = None) -> None:
    """Serve one; it counts as submitted when it was due, even if the loop was blocked then."""
    request = Request(number, recorder.now() if due is None else due)
    recorder.run.requests.append(request)
    try:
        await policy.request(Turn(number))
    except Exception as error:  # noqa: BLE001 - a failed request is a result
        request.error = f"{type(error).__name__}: {error}"[:200]
    request.ended = recorder.now()
