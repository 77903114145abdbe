"""The process that `bench.recovery` kills: it submits and runs durable and periodic tasks.

What happens is written to append-only files by the tasks themselves, one line a write call, so
that it is known whatever moment the process is killed at.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from xy_core.core.config import JournalConfig, LaneConfig, LogConfig, SchedulerConfig
from xy_core.core.durable import DurableTasks
from xy_core.core.durable_task import this_task
from xy_core.core.journal import Journal
from xy_core.core.logging import configure_logging
from xy_core.core.periodic import PeriodicTasks
from xy_core.core.periodic_task import MissedRuns, Overlap
from xy_core.core.schedule import Every
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority

SLOTS = 8
CHUNK = 250
_LINGER = 1.0
"""Seconds that the last life goes on after the last task, for the periodic ones."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One periodic task of the benchmark.

    Attributes:
        interval: seconds between two due times.
        run: seconds that a run takes.
        overlap: what to do while an earlier run has not ended.
        missed: what to do about due times while no process ran.
        grace: seconds after which one counts as missed.
        most: runs that are made up for, or wait, at most.
    """

    interval: float
    run: float
    overlap: Overlap
    missed: MissedRuns
    grace: float = 0.02
    most: int = 10_000


POLICIES = {
    "all_missed": Policy(0.05, 0.0, Overlap.PARALLEL, MissedRuns.ALL),
    "skip_missed": Policy(0.2, 0.0, Overlap.PARALLEL, MissedRuns.SKIP),
    "once_for_missed": Policy(0.2, 0.0, Overlap.PARALLEL, MissedRuns.ONCE),
    "skip_overlap": Policy(0.05, 0.12, Overlap.SKIP, MissedRuns.ONCE),
    "queue_overlap": Policy(0.05, 0.06, Overlap.QUEUE, MissedRuns.ONCE, most=10),
}


def main(folder: Path, tasks: int) -> None:
    """Run until all tasks are done."""
    configure_logging(LogConfig(level="error"))
    asyncio.run(_main(folder, tasks))


async def _main(folder: Path, tasks: int) -> None:
    slots = LaneConfig(min_workers=SLOTS, max_workers=SLOTS, queue_size=100_000)
    logs = {name: _append_only(folder / name) for name in ("runs", "acknowledged", "periodic")}

    async def step(number: int) -> None:
        os.write(logs["runs"], b"begin %d\n" % number)
        await asyncio.sleep(0.001)
        os.write(logs["runs"], b"end %d\n" % number)

    async def tick(seconds: float) -> None:
        schedule, _, due = str(this_task.get().key).partition("@")
        os.write(logs["periodic"], f"begin {schedule} {due} {time.time():.4f}\n".encode())
        await asyncio.sleep(seconds)
        os.write(logs["periodic"], f"end {schedule} {due} {time.time():.4f}\n".encode())

    async with GlobalTaskScheduler(SchedulerConfig(default=slots)) as scheduler:
        journal = Journal(JournalConfig(path=folder / "journal.db"))
        durable = DurableTasks(scheduler, journal)
        periodic = PeriodicTasks(scheduler, durable)
        print("begin", flush=True)  # noqa: T201 - the parent waits for it
        await durable.register("bench.step", step, retries=1_000)
        await durable.register("bench.tick", tick, retries=1_000)
        for name, policy in POLICIES.items():
            await periodic.add(
                name,
                "bench.tick",
                Every(policy.interval),
                arguments={"seconds": policy.run},
                overlap=policy.overlap,
                missed=policy.missed,
                grace=policy.grace,
                most=policy.most,
                priority=TaskPriority.HIGH,
            )
        known = set((folder / "acknowledged").read_text("ascii").split())
        for first in range(0, tasks, CHUNK):
            if str(first) not in known:
                numbers = range(first, min(first + CHUNK, tasks))
                await durable.submit_many(
                    "bench.step",
                    [{"number": number} for number in numbers],
                    keys=[f"step {number}" for number in numbers],
                )
                os.write(logs["acknowledged"], b"%d\n" % first)
        await _until_none_waits(durable, "bench.step")
        await asyncio.sleep(_LINGER)
        for name in POLICIES:
            await periodic.remove(name)
        await _until_none_waits(durable, "bench.tick")
        await periodic.stop()
        await durable.stop()
    await durable.close()


async def _until_none_waits(durable: DurableTasks, name: str) -> None:
    while (await durable.journal.run(lambda records: records.count_tasks(name)))["waiting"]:  # noqa: ASYNC110 - in a file
        await asyncio.sleep(0.05)


def _append_only(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
