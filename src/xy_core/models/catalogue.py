"""Which models there are: their files, licences, needs, and where to get them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from xy_core.core.config import StrictModel
from xy_core.core.errors import ConfigError, UnknownModelError
from xy_core.models.sources import SafePath, Source

Kind = Literal["llm", "vlm", "stt", "tts", "embedding", "emotion", "image", "server"]

ModelId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
"""One path segment."""
_MAX_FILE = 4 * 2**20
"""Bytes of a user's catalogue; ours has 60,000."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ModelFile(StrictModel):
    """One file of a model, as it lies on the disk after unpacking."""

    name: SafePath
    size: int = Field(gt=0, description="Bytes.")
    sha256: Sha256 | None = Field(None, description="If not given, the hub's own is used.")
    sources: tuple[Source, ...] = Field(min_length=1, description="Tried in this order.")


class TransformerFigures(StrictModel):
    """What a GGUF file's header tells, for planning before the file is here."""

    layers: int = Field(gt=0, le=10_000, description="Transformer blocks.")
    embedding: int = Field(gt=0, description="Width of the embeddings.")
    heads: int = Field(gt=0, description="Attention heads.")
    kv_width: int = Field(gt=0, description="Numbers of keys and values, for a token and layer.")
    vocabulary: int = Field(gt=0, description="Tokens that it knows.")
    input_bytes: int = Field(ge=0, description="The table of token embeddings.")
    output_bytes: int = Field(ge=0, description="The output layer; 0 if it is that table.")


class CatalogueEntry(StrictModel):
    """One model."""

    id: ModelId
    kind: Kind
    title: str
    licence: str = Field(description="SPDX expression.")
    licence_note: str = Field("", description="What the user must know before using it.")
    languages: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    ram_bytes: int = Field(0, ge=0, description="Host memory when it runs on the CPU.")
    vram_bytes: int = Field(0, ge=0, description="Device memory when it runs on a GPU.")
    transformer: TransformerFigures | None = None
    files: tuple[ModelFile, ...] = ()

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(file.size for file in self.files)


class Catalogue(StrictModel):
    """All known models, in the order of their files."""

    models: tuple[CatalogueEntry, ...]

    @model_validator(mode="after")
    def _unique(self) -> Catalogue:
        ids = [entry.id for entry in self.models]
        if len(set(ids)) < len(ids):
            raise ValueError("two models have the same id")
        return self

    def __iter__(self) -> Iterator[CatalogueEntry]:  # type: ignore[override]
        return iter(self.models)

    def entry(self, model_id: str) -> CatalogueEntry:
        """Return a model's entry.

        Raises:
            UnknownModelError: there is none of that id.
        """
        for entry in self.models:
            if entry.id == model_id:
                return entry
        raise UnknownModelError(f"no model {model_id!r} in the catalogue: see  xy-core models list")

    def profile(self, name: str) -> tuple[CatalogueEntry, ...]:
        """Return the models that belong to a profile.

        Raises:
            UnknownModelError: no model belongs to it.
        """
        chosen = tuple(entry for entry in self.models if name in entry.profiles)
        if not chosen:
            known = sorted({profile for entry in self.models for profile in entry.profiles})
            raise UnknownModelError(f"no profile {name!r}: there are {', '.join(known)}")
        return chosen

    def extended(self, file: Path) -> Catalogue:
        """Return this catalogue with a file's entries added; an equal id replaces ours.

        Raises:
            ConfigError: the file cannot be read or is not a catalogue.
        """
        added = _parse(_read(file), str(file))
        ids = {entry.id for entry in added}
        kept = tuple(entry for entry in self.models if entry.id not in ids)
        return Catalogue(models=(*kept, *added))


@cache
def bundled_catalogue() -> Catalogue:
    """Return the catalogue that comes with xy-core."""
    resource = files("xy_core.models") / "catalogue.toml"
    return _parse(resource.read_text("utf-8"), "catalogue.toml")


def _read(file: Path) -> str:
    try:
        with file.expanduser().open("rb") as opened:
            content = opened.read(_MAX_FILE + 1)
        if len(content) > _MAX_FILE:
            raise ConfigError(f"catalogue {file} has over {_MAX_FILE:,} bytes: is it a catalogue?")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"catalogue {file} cannot be read: {error}") from error


def _parse(text: str, where: str) -> Catalogue:
    try:
        return Catalogue.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"catalogue {where}: {key}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        # Beside its own error, tomllib lets through those of huge numbers and of deep nesting.
        raise ConfigError(f"catalogue {where} is not valid TOML: {error}") from error
