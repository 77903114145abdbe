"""A real process with durable tasks, killed by SIGKILL in the middle, and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from xy_core.core.records import DurableStatus
from xy_core.core.sqlite_journal import open_journal
from xy_core.core.sqlite_records import SqliteRecords

PROGRAM = """
import asyncio, os, pathlib, signal, sys
from xy_core.core.config import JournalConfig
from xy_core.core.durable import DurableTasks
from xy_core.core.durable_task import this_task
from xy_core.core.journal import Journal
from xy_core.core.scheduler import GlobalTaskScheduler

folder, die_at = pathlib.Path(sys.argv[1]), int(sys.argv[2])
log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

async def step(number):
    os.write(log, b"%d\\n" % number)
    if number == die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(0)

async def main():
    async with GlobalTaskScheduler() as scheduler:
        durable = DurableTasks(scheduler, Journal(JournalConfig(path=folder / "journal.db")))
        await durable.register("step", step)
        numbers = range(600)
        tasks = await durable.submit_many(
            "step", [{"number": n} for n in numbers], keys=[f"step {n}" for n in numbers]
        )
        for task in tasks:
            await task
        await durable.stop()
    await durable.close()

asyncio.run(main())
"""


def live(folder: Path, die_at: int) -> int:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(die_at)]
    return subprocess.run(command, check=False, timeout=60).returncode


def test_nothing_is_lost_and_only_what_was_in_flight_runs_again(tmp_path: Path):
    executed: list[int] = []
    log = tmp_path / "log"
    for die_at in (150, 450):
        assert live(tmp_path, die_at) == -signal.SIGKILL
        executed = [int(line) for line in log.read_text("ascii").split()]
        with open_journal(tmp_path / "journal.db") as file:
            waiting = SqliteRecords(file).find_tasks(DurableStatus.WAITING, 10_000)
        assert die_at in {task.arguments["number"] for task in waiting}
    unrecorded = {task.arguments["number"] for task in waiting}
    assert live(tmp_path, -1) == 0
    with open_journal(tmp_path / "journal.db") as file:
        assert SqliteRecords(file).count_tasks() == {"waiting": 0, "done": 600, "dead": 0}
        attempts = {
            task.arguments["number"]: task.attempts
            for task in SqliteRecords(file).find_tasks(None, 600)
        }
    again = [int(line) for line in log.read_text("ascii").split()][len(executed) :]
    assert set(executed) | set(again) == set(range(600))
    # Some run for the first time: the process may have died before it had submitted all.
    assert set(again) & set(executed) <= unrecorded
    # Whoever ran when the process went down has an attempt less.
    assert attempts[150] == attempts[450] == 1
