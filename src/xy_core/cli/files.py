"""Results of commands as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xy_core.core.files import atomic_path


def write_json(target: Path, value: Any) -> None:  # noqa: ANN401 - anything that JSON takes
    """Write a value as indented UTF-8 JSON, atomically."""
    write_text(target, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_text(target: Path, text: str) -> None:
    """Write a UTF-8 text, atomically."""
    with atomic_path(target) as part:
        part.write_text(text, "utf-8")
