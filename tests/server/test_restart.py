"""The real program, told to stop in the middle of its work, and started again."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import openai
import pytest
import websockets

from xy_core.core.sqlite_journal import open_journal
from xy_core.core.sqlite_records import SqliteRecords

PLUGIN = """
import asyncio
from pathlib import Path

from xy_core.core.config import StrictModel
from xy_core.core.durable import DurableTasks
from xy_core.core.module import HealthStatus, Module, ModuleHealth


async def work(folder: str) -> None:
    with Path(folder, "log").open("a") as log:
        log.write("begun\\n")
    if not Path(folder, "go").exists():
        await asyncio.sleep(300)
    with Path(folder, "log").open("a") as log:
        log.write("done\\n")


class Config(StrictModel):
    folder: str


class LongWork(Module[Config]):
    name = "long_work"
    config_model = Config

    async def initialize(self) -> None:
        durable = self.context.resource(DurableTasks)
        await durable.register("work", work)
        await durable.submit("work", {"folder": self.config.folder}, key="once")

    async def stop(self) -> None:
        pass

    async def health(self) -> ModuleHealth:
        return ModuleHealth(HealthStatus.READY)
"""
POINTS = "[xy_core.modules]\nlong_work = long_work:LongWork\n"
LIMIT = 30


@asynccontextmanager
async def endless_model() -> AsyncIterator[str]:
    """A server that speaks OpenAI's protocol, and never comes to an end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(re.search(r"content-length: (\d+)", head, re.IGNORECASE)[1])
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        chunk = json.dumps({"choices": [{"index": 0, "delta": {"content": "on and "}}]})
        try:
            while True:
                writer.write(f"data: {chunk}\n\n".encode())
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a module that others could have installed."""
    (tmp_path / "long_work.py").write_text(PLUGIN)
    info = tmp_path / "long_work-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: long-work\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    return tmp_path


@asynccontextmanager
async def program(
    folder: Path, model: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run ``xy-core serve``; yields the process and its address."""
    (folder / "xy-core.toml").write_text(f"""
        modules = ["llm", "long_work"]
        [server]
        port = 0
        drain_seconds = 0.5
        keys = "{folder}/keys.json"
        [journal]
        path = "{folder}/journal.db"
        [agent]
        speak = false
        correct = false
        max_sentences = 1000
        [[llm.models]]
        id = "endless"
        languages = ["en"]
        engine = "openai"
        server = {{ url = "{model}" }}
        [plugins.long_work]
        folder = "{folder}"
        """)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("xy-core"), "--config", folder / "xy-core.toml", "serve"),
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path, "XY_LANG": "en"},
    )
    try:
        async with asyncio.timeout(LIMIT):
            said = ""
            while not (found := re.search(r"serving on (http://\S+)/v1", said)):
                line = await process.stderr.readline()
                assert line, said
                said += line.decode()
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def stream(address: str, begun: asyncio.Event) -> str:
    """Read a streamed chat to its end; returns all of it."""
    body = {"model": "endless", "stream": True, "messages": [{"role": "user", "content": "Go"}]}
    text = ""
    async with (
        httpx.AsyncClient(timeout=LIMIT, trust_env=False) as client,
        client.stream("POST", f"{address}/v1/chat/completions", json=body) as answer,
    ):
        async for part in answer.aiter_text():
            text += part
            begun.set()
    return text


async def talk(address: str, begun: asyncio.Event) -> int:
    """Have a realtime reply written until the server closes; returns the close code."""
    async with (
        openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none") as client,
        client.realtime.connect(model="xy-agent") as connection,
    ):
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        content = [{"type": "input_text", "text": "Go on"}]
        item = {"type": "message", "role": "user", "content": content}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        try:
            while True:
                event = await connection.recv()
                if event.type == "response.output_text.delta":
                    begun.set()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code


async def stopped_under_load(
    process: asyncio.subprocess.Process, address: str, told: signal.Signals
) -> None:
    """Stop the program in the middle of streams and of a spoken conversation: all end cleanly."""
    begun = [asyncio.Event() for _ in range(4)]
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
        streams = [group.create_task(stream(address, event)) for event in begun[:3]]
        talking = group.create_task(talk(address, begun[3]))
        for event in begun:
            await event.wait()
        process.send_signal(told)
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    for text in (task.result() for task in streams):
        last = json.loads(text.strip().rpartition("data: ")[2])
        assert last["error"]["code"] == "shutting_down"
    assert talking.result() == 1012


async def test_who_is_told_to_stop_ends_what_is_under_way_and_goes_on_after_a_restart(
    folder: Path,
):
    log = folder / "log"
    async with endless_model() as model:
        async with program(folder, model) as (process, address):
            await stopped_under_load(process, address, signal.SIGTERM)
        assert log.read_text() == "begun\n"
        with open_journal(folder / "journal.db") as file:
            assert SqliteRecords(file).count_tasks() == {"waiting": 1, "done": 0, "dead": 0}
        (folder / "go").touch()
        async with program(folder, model) as (process, address):
            async with asyncio.timeout(LIMIT):
                while log.read_text() != "begun\nbegun\ndone\n":  # noqa: ASYNC110 - a process's file
                    await asyncio.sleep(0.05)
            await stopped_under_load(process, address, signal.SIGINT)
    with open_journal(folder / "journal.db") as file:
        assert SqliteRecords(file).count_tasks() == {"waiting": 0, "done": 1, "dead": 0}
