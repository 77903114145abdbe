"""The vectors that the memory gives to others."""

from __future__ import annotations

import numpy as np
import pytest

from tests.modules.held import TIMES, nothing_left_of
from xy_core.core.errors import ModuleUnavailable

E5, MINILM = "multilingual-e5-small", "minilm-l6-int8"


@pytest.mark.models
@pytest.mark.parametrize(("model", "width"), [(E5, 384), (MINILM, 384), (f"{E5}+{MINILM}", 768)])
async def test_many_texts_get_the_vectors_that_each_has_alone(
    open_memory, model_store, model, width
):
    for part in model.split("+"):
        await model_store.pull(part)
    texts = [f"The number {number} is on the door." for number in range(40)]
    async with open_memory(model_store, embedding=model) as memory:
        assert memory.embedding_model == model
        vectors = await memory.embed(texts)
        alone = await memory.embed(texts[35:36])
        tokens = await memory.count_tokens(texts)
    assert vectors.shape == (40, width)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[35] @ alone[0] > 0.99
    assert tokens in {40 * 10, 40 * 12}


@pytest.mark.models
@pytest.mark.parametrize("model", [E5, MINILM, f"{E5}+{MINILM}", "use-multilingual"])
async def test_opening_and_stopping_leaves_nothing(open_memory, model_store, scheduler, model):
    async def use():
        async with open_memory(model_store, embedding=model) as memory:
            await memory.embed(["a cat"])

    await use()
    async with nothing_left_of(scheduler):
        for _ in range(TIMES):
            await use()


async def test_another_s_vectors_have_no_tokens(open_memory):
    async def embed(texts, _priority):
        return np.full((len(texts), 3), 2.0, np.float32)

    async with open_memory() as memory:
        assert memory.embedding_model is None
        with pytest.raises(ModuleUnavailable):
            await memory.embed(["a"])
        await memory.use_embedder("mine", embed)
        assert np.allclose(np.linalg.norm(await memory.embed(["a", "b"]), axis=1), 1)
        assert await memory.count_tokens(["a"]) is None
