"""What was installed of a model, kept beside its files."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from xy_core.core.config import StrictModel

MANIFEST_NAME = ".manifest.json"


class FileRecord(StrictModel):
    """A file that was verified on its arrival."""

    size: int = Field(ge=0)
    sha256: str
    source: str


class Manifest(StrictModel):
    """The verified files of a folder, by their names."""

    files: dict[str, FileRecord] = Field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read a folder's manifest; a missing or damaged one counts as empty."""
        try:
            return cls.model_validate_json((folder / MANIFEST_NAME).read_bytes())
        except (OSError, ValidationError):
            return cls()

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder, atomically."""
        part = folder / (MANIFEST_NAME + ".part")
        part.write_text(self.model_dump_json(indent=2), "utf-8")
        part.replace(folder / MANIFEST_NAME)

    def with_file(self, name: str, record: FileRecord) -> Manifest:
        """Return a manifest that also has this file."""
        return Manifest(files=self.files | {name: record})
