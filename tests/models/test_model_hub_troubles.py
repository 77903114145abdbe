"""Whatever goes wrong between a hub and the disk, by either hub's protocol, from pull to file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from model_web import Page, Web, file_toml, sha256

from xy_core.core.errors import ChecksumError, DiskSpaceError, DownloadError
from xy_core.models import ModelStore

WEIGHTS = os.urandom(300_000)
CDN = "/cdn/a.bin"
MS = "/api/v1/models/org/toy/repo"


@dataclass
class Hub:
    """A hub that has one file, and the store that pulls from it.

    Attributes:
        file: where the file is asked for first; it leads to `storage`.
        storage: where its bytes lie.
    """

    web: Web
    store: ModelStore
    file: Page
    storage: Page

    async def pulled(self) -> bytes:
        return (await self.store.pull("toy")).file("a.bin").read_bytes()

    @property
    def left(self) -> list[Path]:
        return [path for path in self.store.root.rglob("a.bin") if path.is_file()]


def hugging_face(web: Web, digest: str) -> Page:
    headers = {
        "Location": f"{web.url}{CDN}",
        "X-Linked-Size": str(len(WEIGHTS)),
        "X-Linked-ETag": f'"{digest}"',
    }
    return web.add("/org/toy/resolve/main/a.bin", status=302, headers=headers)


def model_scope(web: Web, digest: str) -> Page:
    file = {"Path": "a.bin", "Size": len(WEIGHTS), "Sha256": digest}
    web.add(
        f"{MS}/files?Revision=master&Recursive=True",
        json.dumps({"Code": 200, "Data": {"Files": [file]}}).encode(),
    )
    place = f"{MS}?Revision=master&FilePath=a.bin"
    return web.add(place, status=302, headers={"Location": f"{web.url}{CDN}"})


HUBS = {"hf": hugging_face, "modelscope": model_scope}


@pytest.fixture(params=HUBS)
def make_hub(
    request: pytest.FixtureRequest, web: Web, tmp_path: Path, catalogue_file: Callable[..., Path]
) -> Callable[..., Hub]:
    def make(digest: str = sha256(WEIGHTS), **storage: object) -> Hub:
        source = f'type = "{request.param}", repo = "org/toy", path = "a.bin"'
        catalogue = catalogue_file(file_toml("a.bin", WEIGHTS, source, digest=""))
        file = HUBS[request.param](web, digest)
        bytes_of = web.add(CDN, WEIGHTS, **storage)
        return Hub(web, ModelStore(tmp_path / "models", catalogue), file, bytes_of)

    return make


async def test_a_redirect_is_followed_to_the_storage(make_hub: Callable[..., Hub]):
    hub = make_hub()
    assert await hub.pulled() == WEIGHTS
    assert len(hub.web.gets(CDN)) == 1


async def test_a_cut_is_continued_where_it_broke(make_hub: Callable[..., Hub]):
    hub = make_hub(cuts=[100_000])
    assert await hub.pulled() == WEIGHTS
    assert [one.headers.get("Range") for one in hub.web.gets(CDN)] == [None, "bytes=100000-"]


async def test_bytes_of_another_checksum_leave_nothing(make_hub: Callable[..., Hub]):
    hub = make_hub(digest=sha256(b"other"))
    with pytest.raises(ChecksumError, match=r"a\.bin"):
        await hub.pulled()
    assert not hub.left


async def test_a_gated_file_is_refused_with_what_to_do(make_hub: Callable[..., Hub]):
    hub = make_hub(statuses=[403])
    hub.file.status, hub.file.headers = 403, {}
    with pytest.raises(DownloadError, match=r"HF_TOKEN|403"):
        await hub.pulled()
    assert not hub.left


async def test_a_busy_storage_is_asked_again_when_it_says(make_hub: Callable[..., Hub]):
    hub = make_hub(statuses=[429], retry_after=["0"])
    assert await hub.pulled() == WEIGHTS
    assert len(hub.web.gets(CDN)) == 2


async def test_a_full_disk_is_noticed_before_the_first_request(
    make_hub: Callable[..., Hub], monkeypatch: pytest.MonkeyPatch
):
    hub = make_hub()
    monkeypatch.setenv("XY_FREE_BYTES", str(len(WEIGHTS) - 1))
    with pytest.raises(DiskSpaceError):
        await hub.pulled()
    assert not hub.web.requests
    assert not hub.left
