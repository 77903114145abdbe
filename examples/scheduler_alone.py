"""Lanes and priorities without any model: urgent work passes what waits, and the loop stays free.

Prints:
    urgent after ... of 8 slow tasks
    the loop came round within ... ms
"""

import asyncio
import hashlib
import time

from xy_core.core.config import LaneConfig, SchedulerConfig
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskPriority, TaskType


def grind(seconds: float) -> str:
    end, digest = time.monotonic() + seconds, b""
    while time.monotonic() < end:
        digest = hashlib.sha256(digest + bytes(100_000)).digest()
    return digest.hex()


async def latest_wake_up(stop: asyncio.Event) -> float:
    latest = 0.0
    while not stop.is_set():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        latest = max(latest, time.monotonic() - before - 0.001)
    return latest


async def main() -> None:
    stop = asyncio.Event()
    one_worker = SchedulerConfig(cpu=LaneConfig(min_workers=1, max_workers=1))
    async with GlobalTaskScheduler(one_worker) as scheduler:
        watching = asyncio.create_task(latest_wake_up(stop))
        slow = [
            scheduler.submit(grind, 0.05, task_type=TaskType.CPU_BOUND, priority=TaskPriority.LOW)
            for _ in range(8)
        ]
        urgent = scheduler.submit(
            grind, 0.01, task_type=TaskType.CPU_BOUND, priority=TaskPriority.CRITICAL
        )
        await urgent
        print(f"urgent after {sum(task.done() for task in slow)} of 8 slow tasks")
        await asyncio.gather(*slow)
        stop.set()
        print(f"the loop came round within {await watching * 1e3:.1f} ms")


asyncio.run(main())
