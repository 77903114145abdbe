"""Several engines and the journal that they share, in one real PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from tests.cluster.shared import postgres, program, until
from xy_core.cli.app import app
from xy_core.cluster.postgres_journal import PostgresStore
from xy_core.core.config import JournalConfig
from xy_core.core.errors import ConfigError, DeadLetter, JournalError
from xy_core.core.records import Change, DurableStatus
from xy_core.core.schedule import Every

psycopg = pytest.importorskip(
    "psycopg", reason="psycopg is not installed: pip install 'xy-core[postgres]'"
)
pytest.importorskip("pgserver", reason="no PostgreSQL here: pip install pgserver")

ENGINE = Path(__file__).with_name("engine.py")
LEASE = 2.0
QUICK: Any = {"backoff": 0.001, "longest_backoff": 0.002}


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        yield running


@pytest.fixture
def url(server):
    server.psql(
        "DROP SCHEMA IF EXISTS xy_journal CASCADE; DROP TABLE IF EXISTS ran;"
        "CREATE TABLE ran (number INT, pid INT, at TIMESTAMPTZ);"
    )
    return server.get_uri()


@pytest.fixture
def sql(url):
    """Run a statement beside the engines, and return its rows."""
    with psycopg.connect(url, autocommit=True) as connection:

        def run(statement: str, *given: Any) -> list[Any]:
            done = connection.execute(statement, given)
            return done.fetchall() if done.description else []

        yield run


@pytest.fixture
async def engines(url):
    """Start engines in processes of their own, and end them at last."""
    running = []

    async def start(*arguments: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ENGINE),
            url,
            str(LEASE),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
        )
        running.append(process)
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Gate:
    """A function that tells that it has begun, and waits to be let go."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self) -> str:
        self.began.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "late"


async def answer() -> str:
    return "in time"


# -- several engines -----------------------------------------------------------------------------


async def test_two_engines_do_5000_tasks_and_one_takes_over_when_the_other_is_killed(
    url, sql, engines
):
    one, two = [await engines(), await engines()]
    async with program(url) as client:
        await client.durable.submit_many("work", [{"number": number} for number in range(5_000)])
        await until_both_work(sql, one.pid, two.pid)
        one.kill()
        await one.wait()
        await until(lambda: all_done(sql))
    ((done, outcomes),) = sql(
        "SELECT count(*), count(DISTINCT result) FROM xy_journal.task WHERE name = 'work'"
    )
    assert (done, outcomes) == (5_000, 5_000)
    assert sql("SELECT count(DISTINCT number) FROM ran WHERE number >= 0") == [(5_000,)]


async def until_both_work(sql, *pids: int) -> None:
    async def both() -> bool:
        return {pid for (pid,) in sql("SELECT DISTINCT pid FROM ran")} >= set(pids)

    await until(both)


async def all_done(sql) -> bool:
    query = "SELECT count(*) FROM xy_journal.task WHERE name = 'work' AND status != 'done'"
    return sql(query) == [(0,)]


async def test_what_a_killed_engine_had_is_taken_over_within_the_lease(url, sql, engines):
    async with program(url) as client:
        doomed = await engines("hang")
        await client.durable.submit_many("work", [{"number": number} for number in range(20)])
        await until_both_work(sql, doomed.pid)
        other = await engines()
        ((killed,),) = sql("SELECT clock_timestamp()")
        doomed.kill()
        await until(lambda: all_done(sql))
    ((taken, count),) = sql(
        "SELECT max(at), count(*) FROM ran WHERE pid = %s AND number >= 0", other.pid
    )
    assert count == 20
    assert (taken - killed).total_seconds() <= LEASE
    assert sql("SELECT DISTINCT attempts FROM xy_journal.task WHERE name = 'work'") == [(1,)]


async def test_a_periodic_task_runs_once_for_each_due_time(sql, engines):
    await engines()
    await engines()

    async def some() -> bool:
        return sql("SELECT count(*) >= 6 FROM xy_journal.task WHERE status = 'done'") == [(True,)]

    await until(some)
    rows = sql("SELECT key FROM xy_journal.task WHERE name = 'tick' ORDER BY key")
    dues = [float(key.partition("@")[2]) for (key,) in rows]
    assert {round(later - due, 3) for due, later in itertools.pairwise(dues)} == {0.5}
    ((runs, tasks),) = sql(
        "SELECT (SELECT count(*) FROM ran), count(*) FROM xy_journal.task WHERE status = 'done'"
    )
    assert tasks <= runs <= len(dues)
    assert sql("SELECT count(*) FROM xy_journal.schedule") == [(1,)]


async def test_an_engine_that_was_paused_gives_up_what_another_has_taken(url, sql):
    gate = Gate()
    async with program(url, lease=60.0) as paused, program(url) as other:
        await paused.durable.register("work", gate)
        task = await paused.durable.submit("work")
        await gate.began.wait()
        paused.durable.unregister("work")  # so that it is the other that takes the task
        sql("UPDATE xy_journal.engine SET leased_until = '-infinity'")
        await other.durable.register("work", answer)
        assert await task == "in time"
        await gate.cancelled.wait()
        assert await (await paused.durable.submit("work")) == "in time"
        ((engines,),) = sql("SELECT count(*) FROM xy_journal.engine")
        assert engines == 2


def test_no_outcome_is_taken_from_an_engine_whose_task_another_has(url, sql):
    one, two = (PostgresStore(JournalConfig(url=url)) for _ in range(2))
    one.open()
    two.open()
    one.write({Change.ADD: [(1, "work", "{}", None, None, 2, 1.0, 1.0)]}, {}, [])
    assert [row[0] for row in claim(one)] == [1]
    assert claim(two) == []
    sql("UPDATE xy_journal.engine SET leased_until = '-infinity' WHERE id = %s", one._engine)
    assert not two.attend().lost
    assert one.write({}, {Change.DONE: [(1, 5.0, '"late"')]}, []).refused == {1}
    assert claim(one) == []  # it counts as dead, and must know it first
    assert one.attend().lost
    assert [row[:3] for row in claim(two)] == [(1, "{}", 1)]
    assert one.write({}, {Change.DONE: [(1, 5.0, '"late"')]}, []).refused == {1}
    assert two.write({}, {Change.DONE: [(1, 6.0, '"in time"')]}, []).refused == frozenset()
    assert sql("SELECT status, result FROM xy_journal.task") == [("done", '"in time"')]
    one.close()
    two.close()
    assert sql("SELECT count(*) FROM xy_journal.engine") == [(0,)]


def claim(store: PostgresStore) -> Any:
    with store.transaction() as records:
        return records.claim("work", store.now(), [], 10)


async def test_a_task_may_be_awaited_where_it_does_not_run(url):
    async with program(url) as here, program(url) as there:
        task = await here.durable.submit("work")
        await there.durable.register("work", answer)
        assert await task == "in time"
        assert await (await here.durable.task(task.task_id)) == "in time"


async def test_a_key_is_one_task_for_all_engines(url):
    async with program(url) as one, program(url) as two:
        tasks = [await each.durable.submit("work", key="once") for each in (one, two)]
        assert tasks[0].task_id == tasks[1].task_id
        await two.durable.register("work", answer)
        assert [await task for task in tasks] == ["in time", "in time"]


async def test_what_keeps_failing_waits_longer_and_is_a_dead_letter(url, sql):
    tries = []

    async def fail() -> None:
        tries.append(1)
        raise ValueError("never")

    async with program(url) as one:
        await one.durable.register("work", fail, retries=2, **QUICK)
        with pytest.raises(DeadLetter, match="never"):
            await (await one.durable.submit("work"))
        assert len(tries) == 3
        await one.durable.register("slow", fail, retries=1, backoff=500.0)
        await one.durable.submit("slow")
        await until(lambda: failed_once(sql))
        assert len(tries) == 4


async def failed_once(sql) -> bool:
    return sql("SELECT count(*) FROM xy_journal.task WHERE name = 'slow' AND attempts = 1") == [
        (1,)
    ]


async def test_what_is_stopped_in_order_is_given_back_at_once(url, sql):
    gate = Gate()
    async with program(url, lease=3600.0) as one:
        await one.durable.register("work", gate)
        await one.durable.submit("work")
        await gate.began.wait()
        await one.durable.stop()
        await one.scheduler.stop(drain=0)
    assert sql("SELECT owner, attempts, status FROM xy_journal.task") == [(None, 0, "waiting")]


async def test_periodic_tasks_are_known_to_engines_that_did_not_add_them(url, monkeypatch):
    monkeypatch.setattr("xy_core.core.periodic._SHARED_LOOK", 0.02)
    async with program(url) as one, program(url) as two:
        assert await two.periodic.upcoming() == {}
        await one.periodic.add("nightly", "tidy", Every(3600.0))

        async def known() -> bool:
            return "nightly" in await two.periodic.upcoming()

        await until(known)
        assert await one.periodic.remove("nightly")

        async def forgotten() -> bool:
            return not await two.periodic.upcoming()

        await until(forgotten)


# -- faults --------------------------------------------------------------------------------------


async def test_clocks_of_engines_may_differ(url, sql, monkeypatch):
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + 7_200)
    async with program(url) as ahead, program(url) as other:
        await other.durable.register("work", answer)
        assert await (await ahead.durable.submit("work", delay=0.1)) == "in time"
        ((apart,),) = sql(
            "SELECT abs(extract(epoch FROM clock_timestamp()) - created_at) FROM xy_journal.task"
        )
        assert apart < 60


async def test_a_server_that_restarts_costs_nothing():
    with postgres() as server:
        url = server.get_uri()
        gate = Gate()
        async with program(url, lease=60.0) as one:
            await one.durable.register("slow", gate)
            await one.durable.register("work", answer)
            slow = await one.durable.submit("slow")
            await gate.began.wait()
            kill(server)
            with pytest.raises(JournalError, match="server runs"):
                await one.durable.submit("work")
            gate.open.set()
            await asyncio.sleep(0)
            server.ensure_postgres_running()
            async with asyncio.timeout(30):
                assert await slow == "late"
                assert await (await one.durable.submit("work")) == "in time"
            (found,) = await one.durable.find(limit=1)
            assert found.status is DurableStatus.DONE


def kill(server) -> None:
    """End the server at once, as a crash would."""
    process = psutil.Process(server.get_pid())
    process.send_signal(signal.SIGQUIT)
    process.wait(30)


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "not json",
        "[1]",
        "7",
        '"a"',
        "[" * 100_000,
        '{"unknown": 1}',
        '{"x": "' + "y" * 2_000_000,
    ],
    ids=["empty", "no json", "list", "number", "text", "deep", "unknown", "long"],
)
async def test_a_row_of_strange_arguments_is_a_dead_letter_and_harms_no_other(url, sql, arguments):
    async with program(url) as one:
        await one.durable.register("work", answer, retries=1, **QUICK)
        sql(
            "INSERT INTO xy_journal.task VALUES (5, 'work', %s, NULL, NULL, 4, 'waiting', 0, 1, 1)",
            arguments,
        )
        assert await (await one.durable.submit("work")) == "in time"
        with pytest.raises(DeadLetter):
            await (await one.durable.task(5))
        assert len(await one.durable.find()) == 2


def test_a_journal_of_a_newer_version_is_left_alone(url, sql):
    PostgresStore(JournalConfig(url=url)).open()
    sql("UPDATE xy_journal.schema_version SET version = 2")
    with pytest.raises(JournalError, match=r"newer xy-core \(schema 2, here 1\)"):
        PostgresStore(JournalConfig(url=url)).open()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://127.0.0.1:1/none", "server runs"),
        ("postgresql://user:secret@127.0.0.1:1/none?connect_timeout=x", "server runs|no address"),
        ("http://[", "no address"),
        ("a b c", "no address"),
    ],
)
def test_an_address_where_no_server_is_is_named_without_its_password(address, words):
    with pytest.raises(JournalError, match=words) as caught:
        PostgresStore(JournalConfig(url=address)).open()
    assert "secret" not in str(caught.value)
    assert "journal.url" in str(caught.value)


def test_a_shared_journal_must_be_configured():
    with pytest.raises(ConfigError, match=r"journal\.url"):
        PostgresStore(JournalConfig())


# -- the command line ----------------------------------------------------------------------------


async def test_the_command_line_looks_and_requeues_beside_them(url, monkeypatch):
    letters = iter([OSError("broken"), None])

    async def work() -> None:
        if (error := next(letters)) is not None:
            raise error

    monkeypatch.setenv("XY_JOURNAL__URL", url)
    monkeypatch.setenv("XY_LANG", "en")
    async with program(url) as one:
        await one.durable.register("work", work, retries=0)
        task = await one.durable.submit("work")
        with pytest.raises(DeadLetter):
            await task
        listed = json.loads(await tasks("list", "--json"))
        assert listed["counts"] == {"waiting": 0, "done": 0, "dead": 1}
        assert json.loads(await tasks("requeue", "--all", "--json")) == {"requeued": [task.task_id]}
        await (await one.durable.task(task.task_id))
    assert json.loads(await tasks("purge", "--json")) == {"purged": 1}


async def tasks(*arguments: str) -> str:
    done = await asyncio.to_thread(CliRunner().invoke, app, ["tasks", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout
