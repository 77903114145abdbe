"""An empty folder with the sample inputs, nothing of the user's, and a server if asked for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from xy_core.models import ModelStore
from xy_core.modules.memory.backends.sqlite import MemoryStore

SCRIPT = str(Path(sys.executable).with_name("xy-core"))


@pytest.fixture(scope="session")
def variables(model_store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables under which commands and blocks run; the models are the machine's own.

    Blocks that load all modules get those of a typed conversation, which load in a second, and a
    short answer; `tests/e2e` runs whole turns.
    """
    home = tmp_path_factory.mktemp("home")
    MemoryStore(home / "memory.db", max_turns=10).close()  # as somebody has who has talked
    return {
        "XY_MODELS__ROOT": str(model_store.root),
        "XY_MODULES": '["memory", "emotion", "llm"]',
        "XY_LLM__MAX_TOKENS": "24",
        "XY_AGENT__MAX_SENTENCES": "1",
        "XY_MEMORY__PATH": str(home / "memory.db"),
        "XY_JOURNAL__PATH": str(home / "journal.db"),
        "XY_SERVER__KEYS": str(home / "keys.json"),
        "XDG_CONFIG_HOME": str(home),
        "XY_LANG": "en",
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "TERM": "dumb",
    }


@pytest.fixture
def place(
    variables: dict[str, str], tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder in which a block runs, with the samples in it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for sample in ("sad_news.wav", "sign.png"):
        shutil.copy(samples / sample, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def server(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server, in a process of its own."""
    with subprocess.Popen(
        [SCRIPT, "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | variables,
        cwd=tmp_path_factory.mktemp("server"),
    ) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                break
        else:
            pytest.fail(f"the server did not start: {said}")
        process.terminate()
        process.wait(30)
