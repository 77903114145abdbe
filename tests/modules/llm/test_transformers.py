"""What only the engine transformers meets: folders that are damaged, options that it lacks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.modules.llm.engines import entry, make_tiny, settings
from tests.modules.llm.test_service import llm_service
from xy_core.core.errors import BackendError, ContextExceeded, InputError
from xy_core.modules.llm import Message, Sampling
from xy_core.modules.llm.backends.transformers_causal import TransformersCausal, cache_bytes
from xy_core.modules.llm.types import Request


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tiny")
    make_tiny(made)
    return made


def model(folder, **values):
    chosen = entry("transformers", "tiny", **values)
    return TransformersCausal(folder, chosen, settings(chosen))


def test_it_embeds(folder):
    tiny = model(folder, task="embed")
    tiny.load()
    vectors = tiny.embed(["hello", "hello", "weather"])
    assert vectors.shape == (3, 32)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert np.allclose(vectors[0], vectors[1])
    with pytest.raises(ContextExceeded):
        tiny.embed(["hello " * 3_000])
    tiny.close()
    with pytest.raises(BackendError, match="not loaded"):
        tiny.embed(["hello"])


def test_an_option_that_it_lacks_is_refused(folder):
    tiny = model(folder)
    tiny.load()
    request = Request((Message("user", "hi"),), Sampling(presence_penalty=1.0))
    with pytest.raises(InputError, match="repeat_penalty"):
        tiny.generate(lambda _: None, request)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b""),
        ("config.json", b"{"),
        ("config.json", json.dumps({"model_type": "unheard-of"}).encode()),
        ("model.safetensors", b""),
        ("model.safetensors", b"\xff" * 64),
        ("tokenizer.json", b"[]"),
    ],
)
def test_a_damaged_folder_is_one_error(folder, tmp_path, name, content):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BackendError, match="cannot load"):
        model(tmp_path).load()


def test_the_cache_s_size_comes_from_the_configuration(folder, tmp_path):
    # 2 layers × 2 heads of keys and values × 8 numbers, twice, of 2 bytes
    assert cache_bytes(folder, 10) == 2 * 2 * 8 * 2 * 2 * 10
    assert cache_bytes(tmp_path, 10) == 0


@pytest.mark.slow
@pytest.mark.models
async def test_it_reads_gguf_as_well(model_store):
    # Slow: the gguf package reads a vocabulary one token after the other.
    async with llm_service(model_store, settings(entry("transformers"))) as (service, _):
        reply = await service.complete(
            [Message("user", "Say hello.")], sampling=Sampling(temperature=0, max_tokens=8)
        )
    assert "hello" in reply.text.lower()
