"""llama.cpp's engine by itself: a tiny model, and what becomes of it when it is dropped."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.modules.vision.tiny_gguf import write_tiny_qwen2vl
from xy_core.core.errors import BackendError, InputError
from xy_core.models.llama_engine import EngineSetup, LlamaEngine

OPEN_AND_DROP = """
import sys
from pathlib import Path
from xy_core.models.llama_engine import EngineSetup, LlamaEngine
for _ in range(3):
    LlamaEngine(EngineSetup(Path(sys.argv[1]), 1, 256, embeds=sys.argv[2] == "embeds"))
print("ended")
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_qwen2vl(tmp_path_factory.mktemp("engine")) / "tiny.gguf"


@pytest.mark.parametrize("kind", ["writes", "embeds"])
def test_an_engine_that_is_dropped_at_once_ends(model, kind):
    ran = subprocess.run(
        [sys.executable, "-c", OPEN_AND_DROP, str(model), kind],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == "ended\n"


def test_an_error_of_the_reader_ends_the_reply_at_the_next_piece(model):
    engine = LlamaEngine(EngineSetup(model, 1, 256))
    seen = []

    def read(chunk):
        seen.append(chunk)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.complete({"prompt": "a", "max_tokens": 100, "ignore_eos": True}, read)
    assert len(seen) == 3


def test_a_body_that_it_cannot_read_is_refused(model):
    engine = LlamaEngine(EngineSetup(model, 1, 256))
    with pytest.raises(InputError, match="refuses"):
        engine.chat({"messages": 3}, lambda _: None)


@pytest.mark.parametrize("content", [b"", b"GGU", b"GGUF", b"GGUF" + bytes(60), b"PK\3\4"])
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(BackendError):
        LlamaEngine(EngineSetup(path, 1, 256))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BackendError, match="cannot read"):
        LlamaEngine(EngineSetup(tmp_path / "none.gguf", 1, 256))
