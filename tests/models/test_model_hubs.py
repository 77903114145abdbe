"""Hugging Face and ModelScope, as they answer."""

from __future__ import annotations

import json

import httpx
import pytest
from model_web import Web, sha256

from xy_core.core.errors import DownloadError
from xy_core.models.hubs import locate_hugging_face, locate_model_scope
from xy_core.models.sources import HuggingFaceSource, ModelScopeSource

CONTENT = b"weights" * 100
HF = HuggingFaceSource(type="hf", repo="org/toy", path="sub/model.bin")
HF_PATH = "/org/toy/resolve/main/sub/model.bin"
MS = ModelScopeSource(type="modelscope", repo="org/toy", path="sub/model.bin")
MS_LISTING = "/api/v1/models/org/toy/repo/files?Revision=master&Recursive=True"


async def test_a_large_file_of_hugging_face_has_its_size_and_sha256(
    web: Web, client: httpx.AsyncClient
):
    headers = {
        "Location": f"{web.url}/cdn/blob",
        "X-Linked-Size": str(len(CONTENT)),
        "X-Linked-ETag": f'"{sha256(CONTENT)}"',
    }
    web.add(HF_PATH, status=302, headers=headers)
    found = await locate_hugging_face(client, HF)
    assert found.url == web.url + HF_PATH
    assert (found.size, found.sha256) == (len(CONTENT), sha256(CONTENT))


async def test_a_small_file_has_a_size_only(web: Web, client: httpx.AsyncClient):
    web.add(HF_PATH, CONTENT, headers={"ETag": '"0123456789012345678901234567890123456789"'})
    found = await locate_hugging_face(client, HF)
    assert (found.size, found.sha256) == (len(CONTENT), None)


async def test_a_renamed_repository_is_followed(web: Web, client: httpx.AsyncClient):
    web.add(HF_PATH, status=307, headers={"Location": "/new/toy/resolve/main/sub/model.bin"})
    web.add("/new/toy/resolve/main/sub/model.bin", CONTENT)
    assert (await locate_hugging_face(client, HF)).size == len(CONTENT)


async def test_a_gated_file_asks_for_a_token(
    web: Web, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    web.add(HF_PATH, CONTENT, statuses=[401])
    with pytest.raises(DownloadError, match="HF_TOKEN"):
        await locate_hugging_face(client, HF)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert (await locate_hugging_face(client, HF)).headers == {"Authorization": "Bearer hf_secret"}
    assert web.requests[-1].headers["Authorization"] == "Bearer hf_secret"


@pytest.mark.usefixtures("web")
async def test_a_file_that_hugging_face_does_not_have_is_an_error(client: httpx.AsyncClient):
    with pytest.raises(DownloadError, match="404"):
        await locate_hugging_face(client, HF)


async def test_modelscope_lists_size_and_sha256(web: Web, client: httpx.AsyncClient):
    file = {"Path": "sub/model.bin", "Size": len(CONTENT), "Sha256": sha256(CONTENT).upper()}
    listing = {"Code": 200, "Data": {"Files": [{"Path": "sub", "Size": 0}, file]}}
    web.add(MS_LISTING, json.dumps(listing).encode())
    found = await locate_model_scope(client, MS)
    place = "/api/v1/models/org/toy/repo?Revision=master&FilePath=sub%2Fmodel.bin"
    assert found.url == web.url + place
    assert (found.size, found.sha256) == (len(CONTENT), sha256(CONTENT))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b'{"Code": 200, "Data": {"Files": []}}', "no such file"),
        (b'{"Code": 200, "Data": null}', "cannot be understood"),
        (b"<html>", "cannot be understood"),
    ],
)
async def test_modelscope_answers_something_else(
    web: Web, client: httpx.AsyncClient, answer: bytes, message: str
):
    web.add(MS_LISTING, answer)
    with pytest.raises(DownloadError, match=message):
        await locate_model_scope(client, MS)
