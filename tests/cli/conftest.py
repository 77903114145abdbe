"""Runs the installed command as a user does, in an empty folder and with nothing of the user's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = str(Path(sys.executable).with_name("xy-core"))
ONLY_ENGLISH = (
    "--set",
    'modules=["llm"]',
    "--set",
    'llm.models=[{id = "smollm2-135m-instruct", languages = ["en"]}]',
)
"""Options that load one language model and nothing else."""
Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables that the command sees; the models are the machine's own."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("XY_", "LC_"))
    }
    if root := os.environ.get("XY_MODELS__ROOT"):
        kept["XY_MODELS__ROOT"] = root
    return kept | {
        "XY_MEMORY__PATH": str(tmp_path / "memory.db"),
        "XDG_CONFIG_HOME": str(tmp_path),
        "XY_LANG": "en",
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "TERM": "dumb",
    }


@pytest.fixture
def xy_core(environment: dict[str, str], tmp_path: Path) -> Program:
    """Run ``xy-core`` to its end; further variables are keywords."""

    def run(
        *arguments: object, given: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, *map(str, arguments)],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=100,
            env=environment | variables,
            cwd=tmp_path,
        )

    return run


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line with which a program told the user what to mend."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line
