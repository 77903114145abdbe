"""An engine in a process of its own: python engine.py URL LEASE [hang]; the test ends it.

With ``hang`` it begins tasks and never ends them.
"""

from __future__ import annotations

import asyncio
import os
import sys

import psycopg

from xy_core.cluster.postgres_journal import PostgresStore
from xy_core.core.config import JournalConfig
from xy_core.core.engine import CoreEngine
from xy_core.core.events import EventBus
from xy_core.core.schedule import Every
from xy_core.core.scheduler import GlobalTaskScheduler


async def main(url: str, lease: str, hang: str = "") -> None:
    config = JournalConfig(url=url, lease=float(lease), claim=200)
    note = "INSERT INTO ran VALUES (%s, %s, clock_timestamp())"
    using = asyncio.Lock()
    async with (
        await psycopg.AsyncConnection.connect(url, autocommit=True) as log,
        CoreEngine(
            scheduler=GlobalTaskScheduler(),
            bus=EventBus(),
            sections={},
            journal=config,
            store=PostgresStore(config),
        ) as engine,
    ):
        await log.execute("SET synchronous_commit TO off")

        async def work(number: int) -> int:
            async with using:
                await log.execute(note, (number, os.getpid()))
            if hang:
                await asyncio.Event().wait()
            return number

        async def tick() -> None:
            async with using:
                await log.execute(note, (-1, os.getpid()))

        await engine.durable.register("work", work, retries=50)
        if not hang:
            await engine.durable.register("tick", tick)
            await engine.periodic.add("often", "tick", Every(0.5))
        print("ready", flush=True)  # noqa: T201 - the test waits for it
        await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
