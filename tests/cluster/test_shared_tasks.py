"""Several engines and one real PostgreSQL."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from xy_core.cluster.shared_tasks import SharedTasks
from xy_core.core.errors import InvalidTaskError, JournalError

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'xy-core[cluster]'")
pgserver = pytest.importorskip("pgserver", reason="no PostgreSQL here: pip install pgserver")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop") as running:
        yield running


@pytest.fixture
def url(server):
    server.psql("DROP TABLE IF EXISTS xy_task, xy_schedule;")
    return server.get_uri()


@asynccontextmanager
async def serving(*engines: SharedTasks):
    served = [asyncio.create_task(engine.serve()) for engine in engines]
    yield
    for task in served:
        task.cancel()
    await asyncio.wait(served)


async def until(tasks: SharedTasks, **wanted: int) -> None:
    async with asyncio.timeout(60):
        while await tasks.count() != wanted:  # noqa: ASYNC110 - others write it
            await asyncio.sleep(0.02)


async def test_two_engines_do_every_task_once(url):
    ran = []

    async def work(number: int) -> None:
        ran.append(number)

    async with SharedTasks(url) as one, SharedTasks(url) as two:
        for engine in (one, two):
            engine.register("work", work)
        await one.submit("work", [{"number": number} for number in range(500)])
        async with serving(one, two):
            await until(one, done=500)
    assert sorted(ran) == list(range(500))


async def test_a_killed_engine_is_replaced_within_its_lease(url, tmp_path):
    out = tmp_path / "ran"
    async with SharedTasks(url) as tasks:
        await tasks.submit("work", [{"number": number} for number in range(5_000)])
        command = (sys.executable, str(Path(__file__).with_name("engine.py")), url, str(out))
        engines = [await asyncio.create_subprocess_exec(*command) for _ in range(2)]
        async with asyncio.timeout(60):
            while len({row.split()[0] for row in lines(out)}) < 2:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.02)
        engines[0].kill()
        await until(tasks, done=5_000)
        engines[1].kill()
        for engine in engines:
            await engine.wait()
    assert {int(row.split()[1]) for row in lines(out)} == set(range(5_000))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def test_a_lease_that_is_over_lets_another_engine_take_the_task(url):
    began, ran = asyncio.Event(), []

    async def hang(**_: int) -> None:
        began.set()
        await asyncio.Event().wait()

    async def work(number: int) -> None:
        ran.append(number)

    async with SharedTasks(url) as other:
        async with SharedTasks(url, lease=0.3) as dead:
            dead.register("work", hang)
            await dead.submit("work", [{"number": 1}])
            assert len(await dead._claim()) == 1
            begin = time.monotonic()
        other.register("work", work)
        async with serving(other):
            await until(other, done=1)
        assert time.monotonic() - begin >= 0.3
    assert ran == [1]


async def test_a_periodic_task_runs_once_for_all_engines(url):
    ran = []

    async def tick() -> None:
        ran.append(1)

    async with SharedTasks(url, lease=0.1) as one, SharedTasks(url, lease=0.1) as two:
        for engine in (one, two):
            engine.register("tick", tick, every=3_600)
        async with serving(one, two):
            await until(one, done=1)
            await asyncio.sleep(0.2)
    assert ran == [1]


async def test_a_task_that_keeps_failing_is_a_dead_letter(url):
    async def fail() -> None:
        raise ValueError("never")

    async with SharedTasks(url, attempts=2) as tasks:
        tasks.register("fail", fail)
        await tasks.submit("fail", [{}])
        async with serving(tasks):
            await until(tasks, dead=1)


async def test_a_key_is_known_once(url):
    async with SharedTasks(url) as tasks:
        for _ in range(2):
            await tasks.submit("work", [{"number": 1}], keys=["one"])
        assert await tasks.count() == {"waiting": 1}
        with pytest.raises(InvalidTaskError):
            await tasks.submit("work", [{}], keys=[])


async def test_a_server_that_is_not_there_is_named():
    with pytest.raises(JournalError, match="server runs"):
        async with SharedTasks("postgresql://127.0.0.1:1/none"):
            pass
