"""The downloader against a server that cuts, refuses, lies and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_web import Web, sha256

from xy_core.core.errors import ChecksumError, DownloadError
from xy_core.models.download import Downloader, Remote

CONTENT = bytes(range(256)) * 4000


def remote(web: Web, content: bytes = CONTENT) -> Remote:
    return Remote(f"{web.url}/file", len(content), sha256(content))


def test_a_cut_connection_is_continued_where_it_broke(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, cuts=[100_000, 300_000])
    assert downloader.fetch(remote(web), tmp_path / "file") == sha256(CONTENT)
    assert (tmp_path / "file").read_bytes() == CONTENT
    ranges = [request.headers.get("Range") for request in web.gets("/file")]
    assert ranges == [None, "bytes=100000-", "bytes=400000-"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.usefixtures("impatient")
def test_a_later_run_continues_what_an_earlier_one_left(
    web: Web, downloader: Downloader, tmp_path: Path
):
    page = web.add("/file", CONTENT, cuts=[1000, 1000])
    with pytest.raises(DownloadError, match="run the command again"):
        downloader.fetch(remote(web), tmp_path / "file")
    assert (tmp_path / "file.part").stat().st_size == 2000
    assert not page.cuts
    downloader.fetch(remote(web), tmp_path / "file")
    assert web.gets("/file")[-1].headers["Range"] == "bytes=2000-"


def test_a_server_without_ranges_sends_everything_again(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, cuts=[5000], ranges=False)
    downloader.fetch(remote(web), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_complete_part_is_not_downloaded_again(web: Web, downloader: Downloader, tmp_path: Path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    downloader.fetch(remote(web), tmp_path / "file")
    assert not web.requests


def test_a_part_that_is_too_long_is_thrown_away(web: Web, downloader: Downloader, tmp_path: Path):
    web.add("/file", CONTENT)
    (tmp_path / "file.part").write_bytes(CONTENT + b"x")
    downloader.fetch(remote(web), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again_and_a_missing_page_is_not(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, statuses=[503, 429])
    downloader.fetch(remote(web), tmp_path / "file")
    assert len(web.requests) == 3
    with pytest.raises(DownloadError, match="404"):
        downloader.fetch(Remote(f"{web.url}/missing"), tmp_path / "missing")
    assert len(web.requests) == 4


@pytest.mark.parametrize("states_length", [True, False])
def test_an_endless_answer_is_cut_off_and_deleted(
    web: Web, downloader: Downloader, tmp_path: Path, states_length: bool
):
    web.add("/file", CONTENT + b"more", states_length=states_length)
    with pytest.raises(DownloadError, match="more than"):
        downloader.fetch(remote(web), tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_an_answer_that_ends_early_without_a_stated_length_is_noticed(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, cuts=[7], states_length=False)
    downloader.fetch(remote(web), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_wrong_bytes_are_deleted(web: Web, downloader: Downloader, tmp_path: Path):
    web.add("/file", CONTENT[::-1])
    with pytest.raises(ChecksumError, match="sha256"):
        downloader.fetch(remote(web), tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_a_range_that_was_not_asked_for_is_refused(
    web: Web, downloader: Downloader, tmp_path: Path
):
    web.add("/file", CONTENT, status=206)
    web.pages["/file"].headers["Content-Range"] = "bytes 500-999/1000"
    (tmp_path / "file.part").write_bytes(b"abc")
    with pytest.raises(DownloadError, match="wrong range"):
        downloader.fetch(remote(web), tmp_path / "file")


@pytest.mark.usefixtures("impatient")
def test_an_unreachable_server_is_named_without_its_password(
    downloader: Downloader, tmp_path: Path
):
    with pytest.raises(DownloadError) as caught:
        downloader.fetch(Remote("http://user:secret@127.0.0.1:9/file", 1), tmp_path / "file")
    assert "127.0.0.1:9" in str(caught.value)
    assert "secret" not in str(caught.value)
