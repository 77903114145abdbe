"""Runs the server on a socket until it is told to stop, and stops it in bounded time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import uvicorn
from typing_extensions import override

from xy_core.core.errors import ConfigError
from xy_core.runtime import Runtime
from xy_core.server.app import create_app
from xy_core.server.config import ServerConfig
from xy_core.server.security.access import refuse_open_door
from xy_core.server.security.keys import KeyStore
from xy_core.server.security.protocol import guarded_protocol

T = TypeVar("T")

_BACKLOG = 512
_LEFT_OVER = 2.0
"""Seconds for connections whose requests have ended."""


def run_serving(main: Coroutine[Any, Any, T]) -> T:
    """Run a program that serves; like `asyncio.run`, on uvloop where there is one.

    Each token of a stream is a wake-up of the loop from another thread and a write to a socket;
    uvloop does both for less, and takes several wake-ups that come together as one.
    """
    config = uvicorn.Config("", log_config=None)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        return runner.run(main)


class _Uvicorn(uvicorn.Server):
    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program, which has a device to clean up (`terminating`)."""
        yield


@asynccontextmanager
async def serving(runtime: Runtime, config: ServerConfig) -> AsyncIterator[str]:
    """Serve for the length of the block; yields the address, such as ``http://127.0.0.1:8765``.

    At its end no new request is taken, those under way get `drain_seconds`, and are then ended
    with an error.

    Raises:
        ConfigError: the address is not free, or others could reach it without a key.
    """
    refuse_open_door(config, KeyStore(config.keys))
    listener = _listen(config)
    app = create_app(runtime, config)
    server = _Uvicorn(
        uvicorn.Config(
            app,
            http=guarded_protocol(config.limits),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=max(1, round(config.limits.idle_seconds)),
            timeout_graceful_shutdown=max(1, round(_LEFT_OVER)),
            ssl_certfile=config.certfile,
            ssl_keyfile=config.keyfile,
        )
    )
    running = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    try:
        yield _address(config, listener)
        await asyncio.sleep(0)
    finally:
        await app.drain(config.drain_seconds)
        server.should_exit = True
        await running


def _listen(config: ServerConfig) -> socket.socket:
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {config.host} port {config.port}: {error.strerror}: "
            "choose another with  --port"
        ) from error
    listener.listen(_BACKLOG)
    listener.setblocking(False)  # noqa: FBT003 - the library's own signature
    return listener


def _address(config: ServerConfig, listener: socket.socket) -> str:
    scheme = "https" if config.certfile else "http"
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
