"""Durable tasks of several engines, in one PostgreSQL: each runs where there is room for it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from types import TracebackType
from typing import Any, Self

import structlog

from xy_core.cluster.postgres import open_connection
from xy_core.core.errors import InvalidTaskError
from xy_core.core.payload import as_json, check_name

log = structlog.get_logger("shared")

Work = Callable[..., Coroutine[Any, Any, Any]]

_LOCK = 0x78794A4F
"""The number of the advisory lock under which the tables are made, "xyJO"."""
_MAX_PAYLOAD = 1 << 20
"""Characters of arguments or a result, as JSON."""

_CLAIM = """
    UPDATE xy_task SET owner = %(owner)s, attempts = attempts + 1,
        leased_until = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE id IN (
        SELECT id FROM xy_task
        WHERE status = 'waiting' AND name = ANY(%(names)s) AND leased_until < clock_timestamp()
        ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    RETURNING id, name, arguments, attempts"""
_BEAT = """
    UPDATE xy_task SET leased_until = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE id = ANY(%(ids)s) AND owner = %(owner)s AND status = 'waiting'"""
_END = """
    UPDATE xy_task SET status = %(status)s, result = %(result)s, error = %(error)s,
        leased_until = '-infinity'
    WHERE id = %(id)s AND owner = %(owner)s AND status = 'waiting'"""
_ADD = """
    INSERT INTO xy_task (name, arguments, key) VALUES (%s, %s, %s)
    ON CONFLICT (name, key) DO NOTHING"""
_FALL_DUE = """
    INSERT INTO xy_schedule AS known (name, last_due) VALUES (%(name)s, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET last_due = clock_timestamp()
    WHERE known.last_due <= clock_timestamp() - make_interval(secs => %(every)s)
    RETURNING name"""


class SharedTasks:
    """Takes tasks from a PostgreSQL that other engines share, at least once for each task.

    A claim (``FOR UPDATE SKIP LOCKED``) leases a task to this engine, which renews the lease
    while the task runs. If the engine dies, another one takes the task once the lease is over. A
    task that fails is tried again, by any engine, up to its attempts; then it is a dead letter.

        async with SharedTasks("postgresql://…") as tasks:
            tasks.register("mail.send", send_mail)
            await tasks.submit("mail.send", [{"to": "ann@example.org"}])
            await tasks.serve()

    Attributes:
        owner: this engine's name among the others.
    """

    def __init__(
        self, url: str, *, lease: float = 10.0, parallel: int = 32, attempts: int = 5
    ) -> None:
        """Prepare; nothing is connected before the block begins.

        Args:
            url: the database.
            lease: seconds after which others may take what a dead engine had.
            parallel: tasks that this engine runs at a time.
            attempts: how often a task is tried before it is given up.
        """
        self.owner = secrets.token_hex(8)
        self._url = url
        self._lease = lease
        self._parallel = parallel
        self._attempts = attempts
        self._functions: dict[str, Work] = {}
        self._schedules: dict[str, float] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._free = asyncio.Event()
        self._using = asyncio.Lock()
        self._connection: Any = None

    async def __aenter__(self) -> Self:
        self._connection = await open_connection(self._url)
        schema = files("xy_core.cluster").joinpath("shared_tasks.sql").read_text("utf-8")
        async with self._transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            await connection.execute(schema)
        # An outcome that a power cut takes back costs a second run, which tasks must bear anyway:
        # only what was submitted is worth a wait for the disk.
        await self._connection.execute("SET synchronous_commit TO off")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connection.close()

    # -- what there is to do -----------------------------------------------------------------

    def register(self, name: str, fn: Work, *, every: float | None = None) -> None:
        """Say which coroutine function runs tasks of a name.

        Args:
            name: what the database calls it.
            fn: takes the arguments as keywords.
            every: seconds between two runs that all engines together start by themselves.
        """
        check_name(name)
        if every is not None and not every > 0:
            raise InvalidTaskError("a periodic task needs a positive number of seconds")
        self._functions[name] = fn
        if every is not None:
            self._schedules[name] = every

    async def submit(
        self, name: str, arguments: Iterable[Mapping[str, Any]], keys: Iterable[str] | None = None
    ) -> None:
        """Record tasks, all or none; any engine that knows the name runs them.

        Args:
            name: whose function runs them.
            arguments: the keywords of each.
            keys: an idempotency key for each: what has one that is known is not added again.
        """
        texts = [as_json(one, _MAX_PAYLOAD) for one in arguments]
        named = list(keys) if keys is not None else [None] * len(texts)
        if len(named) != len(texts):
            raise InvalidTaskError("there must be as many keys as tasks")
        rows = [(name, text, key) for text, key in zip(texts, named, strict=True)]
        async with self._transaction() as connection, connection.cursor() as cursor:
            await cursor.execute("SET LOCAL synchronous_commit TO on")
            await cursor.executemany(_ADD, rows)

    async def count(self) -> dict[str, int]:
        """Return how many tasks there are of each status."""
        async with self._transaction() as connection:
            found = await connection.execute("SELECT status, count(*) FROM xy_task GROUP BY status")
            return dict(await found.fetchall())

    # -- doing it ----------------------------------------------------------------------------

    async def serve(self) -> None:
        """Run tasks until cancelled; what runs then is given back to the others."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._keep_time())
            while True:
                self._free.clear()
                claimed = await self._claim() if len(self._running) < self._parallel else []
                for number, name, arguments, attempts in claimed:
                    work = self._run(number, name, arguments, attempts)
                    self._running[number] = group.create_task(work)
                if not claimed:
                    await self._rest()

    async def _claim(self) -> list[Any]:
        wanted = {
            "owner": self.owner,
            "lease": self._lease,
            "names": list(self._functions),
            "limit": self._parallel - len(self._running),
        }
        async with self._transaction() as connection:
            found = await connection.execute(_CLAIM, wanted)
            claimed: list[Any] = await found.fetchall()
            return claimed

    async def _run(
        self, number: int, name: str, arguments: Mapping[str, Any], attempts: int
    ) -> None:
        outcome: dict[str, Any] = {"status": "done", "result": None, "error": None}
        try:
            result = await self._functions[name](**arguments)
            outcome["result"] = json.dumps(result)
        except Exception as error:  # noqa: BLE001 - it is the outcome
            status = "dead" if attempts >= self._attempts else "waiting"
            outcome |= {"status": status, "error": f"{type(error).__name__}: {error}"}
        except asyncio.CancelledError:
            outcome |= {"status": "waiting", "error": "its engine stopped"}
            raise
        finally:
            await self._end(number, outcome)

    async def _end(self, number: int, outcome: Mapping[str, Any]) -> None:
        async with self._transaction() as connection:
            await connection.execute(_END, {**outcome, "id": number, "owner": self.owner})
        self._running.pop(number, None)
        self._free.set()

    async def _beat(self) -> None:
        """Renew the leases three times while they last."""
        while True:
            await asyncio.sleep(self._lease / 3)
            wanted = {"ids": list(self._running), "owner": self.owner, "lease": self._lease}
            async with self._transaction() as connection:
                await connection.execute(_BEAT, wanted)

    async def _keep_time(self) -> None:
        """Put the runs of periodic tasks among the others: one engine does it for all."""
        while True:
            for name, every in self._schedules.items():
                async with self._transaction() as connection:
                    lock = "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))"
                    mine = await (await connection.execute(lock, (_LOCK, name))).fetchone()
                    if not mine[0]:
                        continue
                    wanted = {"name": name, "every": every}
                    due = await (await connection.execute(_FALL_DUE, wanted)).fetchone()
                    if due is not None:
                        await connection.execute(_ADD, (name, "{}", None))
                        self._free.set()
            await asyncio.sleep(min([self._lease / 3, *(e / 4 for e in self._schedules.values())]))

    async def _rest(self) -> None:
        """Wait for a free place or, at most a third of a lease, for others' tasks."""
        try:
            async with asyncio.timeout(min(1.0, self._lease / 3)):
                await self._free.wait()
        except TimeoutError:
            pass

    @asynccontextmanager
    async def _transaction(self) -> Any:  # noqa: ANN401 - the connection of an optional library
        """One at a time: the connection is one."""
        async with self._using, self._connection.transaction():
            yield self._connection
