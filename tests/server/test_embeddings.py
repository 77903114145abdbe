"""``/v1/embeddings`` by the official client: a language model's vectors, and the memory's."""

from __future__ import annotations

import base64

import numpy as np
import openai
import pytest

from xy_core.settings import load_settings

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]
LLAMA, E5 = "smollm2-135m-instruct", "multilingual-e5-small"
WIDTHS = {LLAMA: 576, E5: 384}
TEXTS = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Shares fell in New York."]


@pytest.fixture(scope="module")
def settings(model_store, tmp_path_factory):
    """A language model that makes vectors, and what memories are understood by."""
    folder = tmp_path_factory.mktemp("server")
    return load_settings(
        overrides={
            "modules": ["llm", "memory"],
            "llm": {"models": [{"id": LLAMA, "languages": ["en"], "task": "embed"}]},
            "memory": {"path": folder / "memory.db", "embedding": E5},
            "models": {"root": model_store.root},
            "server": {"port": 0, "keys": folder / "keys.json"},
        }
    )


async def vectors(client, model, texts, **options):
    answer = await client.embeddings.create(model=model, input=texts, **options)
    assert [one.index for one in answer.data] == list(range(len(answer.data)))
    return np.array([one.embedding for one in answer.data]), answer


@pytest.mark.parametrize("model", WIDTHS)
async def test_a_batch_becomes_vectors_of_length_one(client, model):
    found, answer = await vectors(client, model, TEXTS)
    assert found.shape == (3, WIDTHS[model])
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
    assert answer.model == model
    assert answer.usage.prompt_tokens == answer.usage.total_tokens
    one, alone = await vectors(client, model, TEXTS[0])
    assert np.allclose(one[0], found[0], atol=0.02)
    assert 5 <= alone.usage.prompt_tokens < answer.usage.prompt_tokens < 60


async def test_meaning_is_near_meaning(client):
    found, _ = await vectors(client, E5, TEXTS)
    assert found[0] @ found[1] > 0.6 > found[0] @ found[2]


async def test_both_codings_say_the_same(client):
    floats, _ = await vectors(client, E5, TEXTS[0], encoding_format="float")
    answer = await client.embeddings.create(model=E5, input=TEXTS[0], encoding_format="base64")
    coded = np.frombuffer(base64.b64decode(answer.data[0].embedding), "<f4")
    assert np.allclose(coded, floats[0], atol=1e-6)


async def test_dimensions_are_cut(client):
    whole, _ = await vectors(client, E5, TEXTS)
    cut, _ = await vectors(client, E5, TEXTS, dimensions=100)
    assert cut.shape == (3, 100)
    assert np.allclose(np.linalg.norm(cut, axis=1), 1, atol=1e-4)
    assert np.allclose(cut[0] / cut[0, 0], whole[0, :100] / whole[0, 0], atol=1e-2)
    with pytest.raises(openai.BadRequestError) as refused:
        await vectors(client, E5, TEXTS, dimensions=385)
    assert refused.value.param == "dimensions"


async def test_models_say_what_they_do(client):
    does = {model.id: model.capabilities async for model in client.models.list()}
    assert does == {LLAMA: ["embedding"], E5: ["embedding"]}
    with pytest.raises(openai.BadRequestError, match="does no chat"):
        await client.chat.completions.create(model=E5, messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(openai.NotFoundError) as unknown:
        await vectors(client, "text-embedding-9", TEXTS)
    assert unknown.value.code == "model_not_found"


async def test_batch_work_is_embedded_at_low_priority(client, runtime):
    for headers, expected in (({"X-Priority": "batch"}, "LOW"), ({}, "HIGH")):
        await vectors(client, E5, TEXTS, extra_headers=headers)
        tasks = [one for one in runtime.engine.scheduler.tasks() if one.name == "memory.embed"]
        assert max(tasks, key=lambda task: task.created_at).priority.name == expected


@pytest.mark.parametrize("model", WIDTHS)
@pytest.mark.parametrize(
    "given",
    [
        "",
        [],
        [""],
        [1, 2, 3],
        [[1, 2]],
        ["a"] * 2_049,
        None,
        {"a": 1},
        ["a" * 900_000, "b" * 900_000],
    ],
)
async def test_what_cannot_be_embedded_is_refused(http, model, given):
    answer = await http.post("/v1/embeddings", json={"model": model, "input": given})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("extra", [{"dimensions": 0}, {"encoding_format": "hex"}])
async def test_odd_options_are_refused(http, extra):
    body = {"model": E5, "input": "a"} | extra
    answer = await http.post("/v1/embeddings", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, next(iter(extra)))


async def test_too_long_a_text_is_refused_and_half_a_character_too(http):
    long = await http.post("/v1/embeddings", json={"model": LLAMA, "input": "hello " * 20_000})
    assert long.status_code == 400
    half = b'{"model": "multilingual-e5-small", "input": "\\ud800"}'
    answer = await http.post(
        "/v1/embeddings", content=half, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
