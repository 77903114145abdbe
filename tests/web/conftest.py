"""The real server in a process of its own, and Debian's Chromium before it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from xy_core.models import ModelStore

_CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
_READY_SECONDS = 110


class Server:
    """``xy-core serve`` as people start it; can be stopped and started again on its port."""

    def __init__(self, folder: Path, models: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self.config = folder / "xy-core.toml"
        self.config.write_text(
            f'[models]\nroot = "{models}"\n'
            f'[memory]\npath = "{folder / "memory.db"}"\n'
            f'[journal]\npath = "{folder / "journal.db"}"\n'
            f'[server]\nport = {self._port}\nkeys = "{folder / "keys.json"}"\ndrain_seconds = 0.2\n'
        )
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it serves."""
        program = Path(sys.executable).with_name("xy-core")
        command = [program, "--config", self.config, "serve"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.address}/readyz", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"the server did not start:\n{self._log.read_text()[-3000:]}")

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@pytest.fixture(scope="session")
def server(model_store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The running server."""
    started = Server(tmp_path_factory.mktemp("web"), model_store.root)
    started.start()
    yield started
    started.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def launch(server: Server) -> AsyncIterator[Any]:  # noqa: ARG001 - skips first
    """Start a Chromium with more arguments; all are closed at the end."""
    async_api = pytest.importorskip("playwright.async_api", reason="pip install playwright")
    async with async_api.async_playwright() as running:

        async def start(*arguments: str) -> Any:
            usual = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
            return await running.chromium.launch(
                executable_path=_CHROMIUM, args=[*usual, *arguments]
            )

        yield start


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(launch: Any) -> AsyncIterator[Any]:
    """One Chromium for all tests that need no microphone."""
    opened = await launch()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Any, server: Server) -> AsyncIterator[Any]:
    """A fresh page in English, at the server; what it complains about fails the test."""
    async with opened_page(browser, server) as made:
        yield made


@asynccontextmanager
async def opened_page(browser: Any, server: Server, **options: Any) -> AsyncIterator[Any]:
    """Open a page in a context of its own; an error in it fails the test."""
    usual = {"locale": "en-US", "viewport": {"width": 1280, "height": 800}}
    context = await browser.new_context(base_url=server.address, **(usual | options))
    context.set_default_timeout(20_000)
    made = await context.new_page()
    wrong: list[str] = []

    def note(message: Any) -> None:
        if message.type == "error" and not _EXPECTED.search(message.text):
            wrong.append(message.text)

    made.on("console", note)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        yield made
    finally:
        await context.close()
    assert not wrong


_EXPECTED = re.compile(r"Failed to load resource|ERR_CONNECTION|WebSocket connection")
"""What a browser says of a server that is away, or of a refusal that the page handles."""

os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")
