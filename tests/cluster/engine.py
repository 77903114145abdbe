"""An engine in a process of its own: python engine.py URL FILE; killed by the test."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from xy_core.cluster.shared_tasks import SharedTasks


def leave_line(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line)


async def main(url: str, out: str) -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0.002)
        leave_line(Path(out), f"{os.getpid()} {number}\n")
        return number

    async with SharedTasks(url, lease=1.0, parallel=64) as tasks:
        tasks.register("work", work)
        await tasks.serve()


asyncio.run(main(*sys.argv[1:]))
