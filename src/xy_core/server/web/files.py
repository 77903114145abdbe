"""The page's files, read once and compressed once."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
"""Named here, since the system's own table may say otherwise (Windows' registry does)."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page.

    Attributes:
        body: its bytes.
        compressed: the same by gzip.
        media_type: for ``Content-Type``.
        etag: changes with its content.
    """

    body: bytes
    compressed: bytes
    media_type: str
    etag: str


@cache
def page_files() -> dict[str, PageFile]:
    """Return all files by their path in the folder; whatever is not among them is not served."""
    return {
        path.relative_to(FOLDER).as_posix(): _read(path)
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file() and not path.name.endswith(".d.ts")
    }


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    digest = hashlib.sha256(body).hexdigest()[:24]
    return PageFile(body, gzip.compress(body, mtime=0), kind, f'"{digest}"')
