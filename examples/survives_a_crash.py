"""Durable tasks outlive their process: the first run is killed in the middle, the second ends them.

Prints:
    first run: killed after ...
    second run: all 20 letters were sent
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from xy_core.core.config import JournalConfig
from xy_core.core.engine import CoreEngine
from xy_core.core.events import EventBus
from xy_core.core.scheduler import GlobalTaskScheduler

LETTERS = 20


async def post_office(folder: Path, letters: int, *, crash: bool) -> None:
    engine = CoreEngine(
        scheduler=GlobalTaskScheduler(),
        bus=EventBus(),
        sections={},
        journal=JournalConfig(path=folder / "journal.db"),
    )

    async def send(number: int) -> None:
        (folder / f"letter-{number}").touch()
        if crash and number == LETTERS // 2:
            os.kill(os.getpid(), signal.SIGKILL)

    async with engine:
        await engine.durable.register("letters.send", send)
        await engine.durable.submit_many(
            "letters.send", [{"number": number} for number in range(letters)]
        )
        while len(list(folder.glob("letter-*"))) < LETTERS:
            await asyncio.sleep(0.02)


def main() -> None:
    if len(sys.argv) > 1:
        asyncio.run(post_office(Path(sys.argv[1]), LETTERS, crash=True))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, name], check=False)
        print(f"first run: killed after {len(list(folder.glob('letter-*')))}")
        asyncio.run(post_office(folder, 0, crash=False))
        print(f"second run: all {len(list(folder.glob('letter-*')))} letters were sent")


main()
