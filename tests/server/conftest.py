"""A server with real models on a loopback socket, opened once for a file of tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import openai
import pytest
import pytest_asyncio

from xy_core.models import ModelStore
from xy_core.runtime import Runtime, open_runtime
from xy_core.server.serving import serving
from xy_core.settings import Settings, load_settings

Serve = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture(scope="module")
def settings(model_store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with files of their own."""
    folder = tmp_path_factory.mktemp("server")
    return load_settings(
        overrides={
            "memory": {"path": folder / "memory.db", "embedding": None},
            "models": {"root": model_store.root},
            "server": {"port": 0, "keys": folder / "keys.json"},
        }
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """A program with all modules."""
    async with open_runtime(settings) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(runtime: Runtime) -> AsyncIterator[str]:
    """Where the server listens."""
    async with serving(runtime, runtime.settings.server) as found:
        yield found


@pytest.fixture
def serve(runtime: Runtime) -> Serve:
    """Serve the same program once more, with other settings of the server."""

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[str]:
        config = runtime.settings.server.model_validate(
            runtime.settings.server.model_dump() | changes
        )
        async with serving(runtime, config) as found:
            yield found

    return start


@pytest_asyncio.fixture(loop_scope="module")
async def client(address: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client."""
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def http(address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A plain client."""
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as made:
        yield made
