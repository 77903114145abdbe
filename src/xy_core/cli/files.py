"""Writing results so that they are there whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xy_core.core.errors import InputError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside the target that takes its place if all went well.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(
            dir=target.parent, prefix=".part-", suffix=target.suffix
        )
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}") from error
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_json(target: Path, value: Any) -> None:  # noqa: ANN401 - anything that JSON takes
    """Write a value as indented UTF-8 JSON, atomically."""
    write_text(target, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_text(target: Path, text: str) -> None:
    """Write a UTF-8 text, atomically."""
    with atomic_path(target) as part:
        part.write_text(text, "utf-8")
