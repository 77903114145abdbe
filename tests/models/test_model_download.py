"""The downloader against a server that cuts, refuses, lies and comes back."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from model_web import Web, sha256

from xy_core.core.errors import ChecksumError, DownloadError
from xy_core.models.download import Downloader, Remote

CONTENT = bytes(range(256)) * 4000


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def remote(web: Web, content: bytes = CONTENT) -> Remote:
    return Remote(f"{web.url}/file", len(content), sha256(content))


async def test_a_cut_connection_is_continued_where_it_broke(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, cuts=[100_000, 300_000])
    assert await downloader.fetch(remote(web), tmp_path / "file") == sha256(CONTENT)
    assert (tmp_path / "file").read_bytes() == CONTENT
    ranges = [request.headers.get("Range") for request in web.gets("/file")]
    assert ranges == [None, "bytes=100000-", "bytes=400000-"]
    assert names(tmp_path) == ["file"]


@pytest.mark.usefixtures("impatient")
async def test_a_later_run_continues_what_an_earlier_one_left(
    web: Web, downloader: Downloader, tmp_path: Path
):
    page = web.add("/file", CONTENT, cuts=[1000, 1000])
    with pytest.raises(DownloadError, match="run the command again"):
        await downloader.fetch(remote(web), tmp_path / "file")
    assert (tmp_path / "file.part").stat().st_size == 2000
    assert not page.cuts
    await downloader.fetch(remote(web), tmp_path / "file")
    assert web.gets("/file")[-1].headers["Range"] == "bytes=2000-"


async def test_a_server_without_ranges_sends_everything_again(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, cuts=[5000], ranges=False)
    await downloader.fetch(remote(web), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


async def test_a_complete_part_is_not_downloaded_again(
    web: Web, downloader: Downloader, tmp_path: Path
):
    (tmp_path / "file.part").write_bytes(CONTENT)
    await downloader.fetch(remote(web), tmp_path / "file")
    assert not web.requests


async def test_a_part_that_is_too_long_is_thrown_away(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT)
    (tmp_path / "file.part").write_bytes(CONTENT + b"x")
    await downloader.fetch(remote(web), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


async def test_a_busy_server_is_asked_again_and_a_missing_page_is_not(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, statuses=[503, 429])
    await downloader.fetch(remote(web), tmp_path / "file")
    assert len(web.requests) == 3
    with pytest.raises(DownloadError, match="404"):
        await downloader.fetch(Remote(f"{web.url}/missing"), tmp_path / "missing")
    assert len(web.requests) == 4


@pytest.mark.parametrize("states_length", [True, False])
async def test_an_endless_answer_is_cut_off_and_deleted(
    web: Web, downloader: Downloader, tmp_path: Path, states_length: bool
):
    web.add("/file", CONTENT + b"more", states_length=states_length)
    with pytest.raises(DownloadError, match="more than"):
        await downloader.fetch(remote(web), tmp_path / "file")
    assert not names(tmp_path)


async def test_an_answer_that_ends_early_without_a_stated_length_is_noticed(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, cuts=[7], states_length=False)
    await downloader.fetch(remote(web), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


async def test_wrong_bytes_are_deleted(web: Web, downloader: Downloader, tmp_path: Path):
    web.add("/file", CONTENT[::-1])
    with pytest.raises(ChecksumError, match="sha256"):
        await downloader.fetch(remote(web), tmp_path / "file")
    assert not names(tmp_path)


async def test_a_range_that_was_not_asked_for_is_refused(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, status=206)
    web.pages["/file"].headers["Content-Range"] = "bytes 500-999/1000"
    (tmp_path / "file.part").write_bytes(b"abc")
    with pytest.raises(DownloadError, match="wrong range"):
        await downloader.fetch(remote(web), tmp_path / "file")


@pytest.mark.usefixtures("impatient")
async def test_an_unreachable_server_is_named_without_its_password(
    downloader: Downloader, tmp_path: Path
):
    with pytest.raises(DownloadError) as caught:
        await downloader.fetch(Remote("http://user:secret@127.0.0.1:9/file", 1), tmp_path / "file")
    assert "127.0.0.1:9" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_server_that_names_a_time_is_not_asked_before(
    web: Web, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("xy_core.models.download._sleep", sleep)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    web.add("/file", CONTENT, statuses=[429, 503, 503], retry_after=["7", soon, "later"])
    await downloader.fetch(remote(web), tmp_path / "file")
    assert slept[0] == 7
    assert 35 < slept[1] <= 40
    assert slept[2] < 1


async def test_who_asks_for_too_long_a_wait_is_not_waited_for(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, statuses=[429], retry_after=["3600"])
    with pytest.raises(DownloadError, match="again in 3600 seconds"):
        await downloader.fetch(remote(web), tmp_path / "file")


async def test_cancelling_ends_a_download_at_once_and_keeps_what_is_there(
    web: Web, client: httpx.AsyncClient, tmp_path: Path
):
    gate = threading.Event()
    arrived = asyncio.Event()
    web.add("/file", CONTENT, pause=100_000, gate=gate)
    downloader = Downloader(client, lambda *_: arrived.set())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(downloader.fetch(remote(web), tmp_path / "file"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    gate.set()
    part = tmp_path / "file.part"
    assert CONTENT.startswith(part.read_bytes())
    assert part.stat().st_size
    await downloader.fetch(remote(web), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


async def test_a_token_is_not_shown_to_the_storage_that_a_hub_leads_to(
    web: Web, client: httpx.AsyncClient, tmp_path: Path
):
    elsewhere = web.url.replace("127.0.0.1", "localhost")
    web.add("/file", status=302, headers={"Location": f"{elsewhere}/blob"})
    web.add("/blob", CONTENT)
    asked = replace(remote(web), headers={"Authorization": "Bearer hf_secret"})
    await Downloader(client, lambda *_: None).fetch(asked, tmp_path / "file")
    assert "Authorization" in web.gets("/file")[0].headers
    assert "Authorization" not in web.gets("/blob")[0].headers
