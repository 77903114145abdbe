"""Writing results so that they are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xy_core.core.errors import InputError


@contextmanager
def atomic_path(target: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside the target that takes its place if all went well.

    Missing folders are made. The file gets the permissions of `mode`.

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
        part.chmod(mode)
        part.replace(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
