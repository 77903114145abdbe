"""Every example runs, and prints what the end of its docstring says."""

from __future__ import annotations

import ast
import asyncio
import doctest
import os
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from xy_core.models import ModelStore
from xy_core.runtime import open_runtime
from xy_core.server.serving import serving
from xy_core.settings import load_settings

pytestmark = pytest.mark.models
EXAMPLES = Path(__file__).parents[2] / "examples"
TALKING_TO_A_SERVER = ("openai_client", "voice_satellite")
ALONE = sorted(file.stem for file in EXAMPLES.glob("*.py") if file.stem not in TALKING_TO_A_SERVER)


@pytest.fixture
def environment(model_store: ModelStore, tmp_path: Path) -> dict[str, str]:
    """What an example sees: the machine's models, a memory of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XY_")}
    return kept | {
        "XY_MODELS__ROOT": str(model_store.root),
        "XY_MEMORY__PATH": str(tmp_path / "memory.db"),
        "XY_JOURNAL__PATH": str(tmp_path / "journal.db"),
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHONIOENCODING": "utf-8",
    }


@pytest_asyncio.fixture
async def server(model_store: ModelStore, tmp_path: Path) -> AsyncIterator[str]:
    """Where a server with all models listens."""
    settings = load_settings(
        overrides={
            "memory": {"path": tmp_path / "memory.db", "embedding": None},
            "models": {"root": model_store.root},
            "server": {"port": 0, "keys": tmp_path / "keys.json"},
        }
    )
    async with (
        open_runtime(settings) as runtime,
        serving(runtime, runtime.settings.server) as address,
    ):
        yield address


def promised(name: str) -> str:
    """Return what an example's docstring says that it prints."""
    text = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text("utf-8"))) or ""
    return textwrap.dedent(text.partition("Prints")[2].partition(":\n")[2]) + "\n"


async def printed(name: str, environment: dict[str, str], folder: Path, given: str = "") -> str:
    """Run an example to its end in a folder of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLES / f"{name}.py")),
        env=environment,
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(150):
        out, err = await process.communicate(given.encode())
    assert process.returncode == 0, err.decode()
    return out.decode()


def holds(got: str, expected: str) -> bool:
    """Whether the output is what was promised, where ... stands for anything."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(expected, got, options)


@pytest.mark.parametrize("name", ALONE)
async def test_an_example_prints_what_it_says(
    name: str, environment: dict[str, str], tmp_path: Path
):
    got = await printed(name, environment, tmp_path, "Hello!\n\n" if name == "companion" else "")
    expected = promised(name)
    assert expected.strip()
    if "order that differs" in (EXAMPLES / f"{name}.py").read_text("utf-8"):
        got, expected = ("\n".join(sorted(text.splitlines())) + "\n" for text in (got, expected))
    assert holds(got, expected), got


@pytest.mark.parametrize("name", TALKING_TO_A_SERVER)
async def test_an_example_talks_to_the_server(
    name: str, server: str, environment: dict[str, str], tmp_path: Path
):
    got = await printed(name, environment | {"XY_SERVER": server}, tmp_path)
    assert holds(got, promised(name)), got


def test_both_lists_of_examples_name_them_all():
    names = {f"{name}.py" for name in (*ALONE, *TALKING_TO_A_SERVER)}
    for listing in ("README.md", "README.zh-CN.md"):
        text = (EXAMPLES / listing).read_text("utf-8")
        assert {name for name in names if f"]({name})" in text} == names
