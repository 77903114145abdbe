"""Finding a wheel on the Python package index that pip is configured for (PEP 503, 691)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xy_core.core.errors import DownloadError
from xy_core.models.download import Remote, explain, patiently, public, require_success

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
_MOST_BYTES = 32 << 20
"""The largest project page on pypi.org is about 10 MB."""


class PackageIndex:
    """Asks the configured indexes, in their order, for wheels."""

    def __init__(self, client: httpx.AsyncClient, indexes: Iterable[str]) -> None:
        self._client = client
        self._indexes = tuple(indexes)

    async def locate(self, requirement: str, tag: str = "py3-none-any") -> Remote:
        """Find a wheel.

        Args:
            requirement: ``name==version``.
            tag: what its name says of interpreters and machines (PEP 425).

        Raises:
            DownloadError: no index has it, or one cannot be reached or understood.
        """
        name, _, version = requirement.partition("==")
        problems = []
        for index in self._indexes:
            try:
                return await self._locate(index, name, version, tag)
            except httpx.HTTPError as error:
                problems.append(f"{public(index)}: {explain(error)}")
            except DownloadError as error:
                problems.append(str(error))
        raise DownloadError(f"no index has {requirement}: " + "; ".join(problems))

    async def _locate(self, index: str, name: str, version: str, tag: str) -> Remote:
        url = f"{index.rstrip('/')}/{_normal(name)}/"
        page: _Page = await patiently()(self._page, url)
        form = rf"{_normal(name)}-{re.escape(version)}-(\d[^-]*-)?{re.escape(tag)}\.whl"
        wanted = re.compile(form)
        for file in page.files:
            stem, _, rest = file.filename.partition("-")
            if wanted.fullmatch(f"{_normal(stem)}-{rest}"):
                target = urljoin(url, file.url)
                if urlsplit(target).scheme not in {"http", "https"}:
                    raise DownloadError(f"{public(url)} offers {file.filename} at no web address")
                return Remote(target, file.size, file.hashes.get("sha256"))
        raise DownloadError(f"{public(url)} has no wheel of version {version}")

    async def _page(self, url: str) -> _Page:
        async with self._client.stream("GET", url, headers={"Accept": _ACCEPT}) as response:
            require_success(response)
            content = bytearray()
            async for block in response.aiter_bytes():
                content += block
                if len(content) > _MOST_BYTES:
                    raise DownloadError(f"{public(url)} answers more than {_MOST_BYTES} bytes")
        if "html" in response.headers.get("Content-Type", ""):
            return _read_html(content.decode("utf-8", "replace"))
        try:
            return _Page.model_validate_json(bytes(content))
        except ValidationError as error:
            raise DownloadError(f"{public(url)} is not a package index") from error


class _Tolerant(BaseModel):
    """An answer of which only a part is of use here."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _File(_Tolerant):
    filename: str
    url: str
    size: int | None = Field(None, ge=0)
    hashes: dict[str, str] = {}


class _Page(_Tolerant):
    files: tuple[_File, ...]


class _Links(HTMLParser):
    """Collects the links of a PEP 503 page, which some mirrors still serve alone."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[_File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") if tag == "a" else None
        if href:
            url, fragment = urldefrag(href)
            kind, _, digest = fragment.partition("=")
            filename = unquote(urlsplit(url).path.rpartition("/")[2])
            self.files.append(_File(filename=filename, url=url, hashes={kind: digest}))


def _read_html(text: str) -> _Page:
    links = _Links()
    links.feed(text)
    return _Page(files=tuple(links.files))


def _normal(name: str) -> str:
    """Return a project's name as PEP 503 normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()
