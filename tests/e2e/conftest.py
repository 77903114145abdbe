"""Runs the installed command as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = str(Path(sys.executable).with_name("xy-core"))


@pytest.fixture
def script() -> str:
    """The command."""
    return SCRIPT


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of the user's own is touched but the models."""
    return os.environ | {
        "XY_MEMORY__PATH": str(tmp_path / "memory.db"),
        "XY_LANG": "en",
        "NO_COLOR": "1",
    }


@pytest.fixture
def xy_core(
    environment: dict[str, str], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess]:
    """Run ``xy-core`` with arguments in an empty folder."""

    def run(*arguments: object, **extra: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [SCRIPT, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
            env=environment | extra,
            cwd=tmp_path,
            encoding="utf-8",
        )

    return run
