"""What the tests of models share."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from xy_core.models.download import Downloader

# Test modules are imported by their paths, so a helper beside them has to be made known.
sys.path.append(str(Path(__file__).parent))

from model_web import Web


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server which is also the package index, Hugging Face and ModelScope of this test."""
    web = Web()
    monkeypatch.setenv("PIP_INDEX_URL", f"{web.url}/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("HF_ENDPOINT", web.url)
    monkeypatch.setenv("MODELSCOPE_DOMAIN", web.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("XY_FREE_BYTES", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=web.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield web
    web.server.shutdown()
    web.server.server_close()
    thread.join()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
        yield client


@pytest.fixture
def downloader(client: httpx.AsyncClient) -> Downloader:
    return Downloader(client, lambda *_: None)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after the second attempt, so that a test of giving up is quick."""
    monkeypatch.setattr("xy_core.models.download._ATTEMPTS", 2)


@pytest.fixture
def catalogue_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a catalogue of one model ``toy`` from the TOML of its files."""

    def write(*files: str, model_id: str = "toy") -> Path:
        head = f'[[models]]\nid = "{model_id}"\nkind = "llm"\ntitle = "Toy"\nlicence = "MIT"\n'
        path = tmp_path / "catalogue.toml"
        path.write_text(head + "profiles = ['toys']\n" + "\n".join(files), "utf-8")
        return path

    return write
