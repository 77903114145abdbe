"""A real server in the tests' own loop, so that they can make it busy; nothing heavy is loaded."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from model_web import Web, file_toml

from xy_core.core.model import ModelSpec, Variant
from xy_core.runtime import Runtime, open_runtime
from xy_core.server.serving import serving
from xy_core.settings import load_settings

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}\'"--'
WEIGHTS = b"weights " * 50_000


@dataclass(frozen=True)
class Watched:
    """What the tests look at.

    Attributes:
        address: where the page is.
        runtime: the program behind it.
        web: the hub that it fetches models from.
    """

    address: str
    runtime: Runtime
    web: Web


@pytest.fixture(scope="session")
def hub() -> Iterator[Web]:
    """A server that speaks Hugging Face's protocol."""
    web = Web()
    thread = threading.Thread(target=web.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", web.url)
        patch.delenv("HF_TOKEN", raising=False)
        yield web
    web.server.shutdown()
    web.server.server_close()
    thread.join()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(hub: Web, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """The running server."""
    folder = tmp_path_factory.mktemp("watched")
    settings = load_settings(
        overrides={
            "memory": {"path": folder / "memory.db", "embedding": None},
            "models": {"root": folder / "models", "catalogue": _catalogue(folder)},
            "scheduler": {"devices": [{"name": "sim:0", "memory": "8GiB"}]},
            "server": {"port": 0, "keys": folder / "keys.json"},
        }
    )
    async with open_runtime(settings, ["memory"]) as runtime:
        for name, size in (("llm:qwen3-4b", 3 << 30), ("image.painter", 2 << 30), (HOSTILE, 1)):
            spec = ModelSpec(name, (Variant("full", size),), _load, _unload)
            runtime.engine.scheduler.register_model(spec, "sim:0")
        async with serving(runtime, settings.server) as address:
            yield Watched(address, runtime, hub)


async def _load(_device: str, _variant: Variant) -> object:
    return object()


async def _unload(_model: object) -> None:
    """Nothing is held."""


def _catalogue(folder: Path) -> Path:
    path = folder / "catalogue.toml"
    models = [
        f"[[models]]\nid = \"{name}\"\nkind = \"llm\"\ntitle = '''{title}'''\nlicence = \"MIT\"\n"
        f'licence_note = "A toy for tests."\nlanguages = ["en", "zh"]\nprofiles = ["toys"]\n'
        f"ram_bytes = 1000000\n"
        + file_toml("toy.bin", WEIGHTS, f'type = "hf", repo = "toys/{name}", path = "toy.bin"')
        for name, title in (("toy", "A toy"), ("hostile", HOSTILE))
    ]
    path.write_text("\n".join(models), "utf-8")
    return path
