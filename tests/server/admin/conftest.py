"""A server over a simulated device and a catalogue of its own: nothing heavy is loaded."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from model_web import Web, file_toml

from xy_core.runtime import Runtime, open_runtime
from xy_core.server.serving import serving
from xy_core.settings import load_settings

TOY = b"the weights of a toy " * 100
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    """A server which is also Hugging Face."""
    web = Web()
    thread = threading.Thread(target=web.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", web.url)
        patch.setenv("PIP_CONFIG_FILE", "/dev/null")
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.delenv("HF_TOKEN", raising=False)
        yield web
    web.server.shutdown()
    web.server.server_close()
    thread.join()


def catalogue(folder: Path) -> Path:
    """Write a catalogue of models that the web has, or has not."""
    path = folder / "catalogue.toml"
    models = [
        f'[[models]]\nid = "{name}"\nkind = "llm"\ntitle = "{title}"\nlicence = "MIT"\n'
        f"profiles = ['toys']\nram_bytes = 1000\n"
        + file_toml("toy.bin", TOY, f'type = "hf", repo = "toys/{name}", path = "toy.bin"')
        for name, title in (("toy", "Toy"), ("slow", HOSTILE), ("missing", "Missing"))
    ]
    path.write_text("\n".join(models), "utf-8")
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(tmp_path_factory: pytest.TempPathFactory, web: Web) -> AsyncIterator[Runtime]:  # noqa: ARG001
    """A program with a memory and a simulated device."""
    folder = tmp_path_factory.mktemp("admin")
    settings = load_settings(
        overrides={
            "memory": {"path": folder / "memory.db", "embedding": None},
            "models": {"root": folder / "models", "catalogue": catalogue(folder)},
            "scheduler": {"devices": [{"name": "sim:0", "memory": "8GiB"}]},
            "server": {"port": 0, "keys": folder / "keys.json"},
        }
    )
    async with open_runtime(settings, ["memory"]) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(runtime: Runtime) -> AsyncIterator[str]:
    """Where the server listens."""
    async with serving(runtime, runtime.settings.server) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def http(address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A plain client."""
    async with httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as made:
        yield made
