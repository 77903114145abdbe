"""Where Hugging Face and ModelScope keep a file, how large it is, and its sha256."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, urljoin, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xy_core.core.errors import DownloadError
from xy_core.models.download import Remote, require_success
from xy_core.models.sources import HuggingFaceSource, ModelScopeSource

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RENAMES = 3
"""Times that a repository may have been renamed."""


async def locate_hugging_face(client: httpx.AsyncClient, source: HuggingFaceSource) -> Remote:
    """Ask the hub about a file; ``HF_ENDPOINT`` names a mirror, ``HF_TOKEN`` a gated user.

    Raises:
        DownloadError: the hub does not know the file, or demands a token.
    """
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    path = quote(source.path)
    url = f"{endpoint}/{source.repo}/resolve/{quote(source.revision, safe='')}/{path}"
    answer = await client.head(url, headers=headers, follow_redirects=False)
    for _ in range(_RENAMES):
        place = answer.headers.get("Location", "")
        # The hub redirects a renamed repository to itself, and a large file to its storage.
        if not answer.is_redirect or urlsplit(place).netloc:
            break
        url = urljoin(url, place)
        answer = await client.head(url, headers=headers, follow_redirects=False)
    if answer.status_code in {401, 403}:
        raise DownloadError(f"{source}: accept the licence on the hub and set HF_TOKEN")
    if not answer.is_redirect:
        require_success(answer)
    tag = answer.headers.get("X-Linked-ETag", "").removeprefix("W/").strip('"')
    size = answer.headers.get("X-Linked-Size") or (
        None if answer.is_redirect else answer.headers.get("Content-Length")
    )
    return Remote(
        url,
        int(size) if size and size.isdigit() else None,
        tag if _SHA256.fullmatch(tag) else None,
        headers,
    )


async def locate_model_scope(client: httpx.AsyncClient, source: ModelScopeSource) -> Remote:
    """Ask ModelScope about a file; ``MODELSCOPE_DOMAIN`` names another site.

    Raises:
        DownloadError: it does not know the file, or its answer cannot be understood.
    """
    domain = os.environ.get("MODELSCOPE_DOMAIN", "www.modelscope.cn").rstrip("/")
    base = domain if "://" in domain else f"https://{domain}"
    base = f"{base}/api/v1/models/{source.repo}/repo"
    answer = await client.get(
        f"{base}/files", params={"Revision": source.revision, "Recursive": "True"}
    )
    require_success(answer)
    try:
        files = _Listing.model_validate_json(answer.content).data.files
    except ValidationError as error:
        raise DownloadError(f"{source}: ModelScope's answer cannot be understood") from error
    for file in files:
        if file.path == source.path:
            place = httpx.QueryParams(Revision=source.revision, FilePath=source.path)
            digest = file.sha256.lower()
            known = digest if _SHA256.fullmatch(digest) else None
            return Remote(f"{base}?{place}", file.size, known)
    raise DownloadError(f"{source}: ModelScope has no such file")


class _Tolerant(BaseModel):
    """An answer of which only a part is of use here."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Listed(_Tolerant):
    path: str = Field(alias="Path")
    size: int = Field(alias="Size", ge=0)
    sha256: str = Field("", alias="Sha256")


class _Files(_Tolerant):
    files: tuple[_Listed, ...] = Field(alias="Files")


class _Listing(_Tolerant):
    data: _Files = Field(alias="Data")
