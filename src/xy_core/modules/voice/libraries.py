"""How the voice module imports the libraries of its optional dependencies."""

from __future__ import annotations

import importlib
from typing import Any

from xy_core.core.errors import MissingExtraError


def library(name: str, package: str | None = None) -> Any:  # noqa: ANN401 - any module
    """Import an optional dependency when it is first used.

    Args:
        name: what to import.
        package: the distribution that has it, if it bears another name.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(package or name, "voice") from error
