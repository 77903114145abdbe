"""What only llama.cpp has: slots that remember, adapters, vectors from GGUF."""

from __future__ import annotations

import gguf
import numpy as np
import pytest

from tests.modules.llm.engines import SMOLLM, entry, settings
from tests.modules.llm.test_service import llm_service
from xy_core.core.errors import BackendError, ContextExceeded, InputError
from xy_core.modules.llm import Message, Sampling
from xy_core.modules.llm.backends.llama_cpp import LlamaCppChat
from xy_core.modules.llm.backends.slots import ANY, SlotTable

ASKED = [Message("user", "Tell me about the weather in Paris, please.")]
GREEDY = Sampling(temperature=0, max_tokens=8)
WIDTH = 576
"""Of SmolLM2 135M."""


def test_a_conversation_finds_its_slot_again_and_others_take_the_oldest():
    table = SlotTable(2)
    with table.lent("ann") as ann, table.lent("ben") as ben, table.lent("cat") as cat:
        assert {ann, ben, cat} == {0, 1, ANY}
    for name, slot in (("ann", ann), ("ben", ben), ("ann", ann)):
        with table.lent(name) as again:
            assert again == slot
    with table.lent("new") as taken:
        assert taken == ben


def test_requests_of_no_conversation_share_a_slot_that_no_conversation_has():
    table = SlotTable(3)
    with table.lent("") as alone:
        pass
    with table.lent("ann") as ann:
        assert ann != alone
    with table.lent("") as again, table.lent("") as beside:
        assert again == alone
        assert beside not in {alone, ann}
    with table.lent("ann") as still:
        assert still == ann


@pytest.mark.models
async def test_each_conversation_keeps_its_prompt_in_the_cache(model_store):
    talks = {name: [Message("user", f"I am {name}. " + "I like tea. " * 20)] for name in "AB"}
    async with llm_service(model_store, settings(entry("llama_cpp"))) as (service, _):
        for name, talk in talks.items():
            await service.complete(talk, key=name, sampling=GREEDY)
        for name, talk in talks.items():
            longer = [*talk, Message("assistant", "I see."), Message("user", "And you?")]
            usage = (await service.complete(longer, key=name, sampling=GREEDY)).usage
            assert usage.cached_tokens > 0.8 * await service.count_tokens(talk)


def write_adapter(path, scale):
    """A LoRA adapter of rank 2 for the first layer's query, of random numbers."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0)
    numbers = np.random.default_rng(0)
    for end, shape in (("a", (2, WIDTH)), ("b", (WIDTH, 2))):
        tensor = (scale * numbers.standard_normal(shape)).astype(np.float32)
        writer.add_tensor(f"blk.0.attn_q.weight.lora_{end}", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.models
async def test_an_adapter_changes_what_is_written(model_store, tmp_path):
    path = tmp_path / "adapter.gguf"
    write_adapter(path, 1.0)

    async def written(**adapter):
        adapters = ({"path": path, **adapter},) if adapter else ()
        async with llm_service(model_store, settings(entry("llama_cpp", adapters=adapters))) as (
            service,
            _,
        ):
            return (await service.complete(ASKED, sampling=GREEDY)).text

    assert await written(scale=1.0) != await written()


@pytest.mark.models
@pytest.mark.parametrize("content", [None, b"", b"GGUF", b"GGUF" + b"\xff" * 64])
def test_a_broken_adapter_is_refused(model_store, tmp_path, content):
    path = tmp_path / "adapter.gguf"
    if content is not None:
        path.write_bytes(content)
    installed = model_store.get(SMOLLM)
    weights = installed.file(installed.entry.files[0].name)
    model = entry("llama_cpp", adapters=({"path": path},))
    with pytest.raises(BackendError):
        LlamaCppChat(weights, model, settings(model)).load()


@pytest.mark.models
async def test_a_truncated_model_is_refused(model_store, tmp_path):
    installed = model_store.get(SMOLLM)
    with installed.file(installed.entry.files[0].name).open("rb") as file:
        begun = file.read(3_000_000)
    path = tmp_path / "half.gguf"
    path.write_bytes(begun)
    with pytest.raises(BackendError, match=r"half\.gguf"):
        LlamaCppChat(path, entry("llama_cpp"), settings(entry("llama_cpp"))).load()


@pytest.mark.models
@pytest.mark.parametrize("isolation", ["none", "process"])
async def test_it_embeds(model_store, isolation):
    config = settings(entry("llama_cpp", task="embed"), isolation=isolation)
    async with llm_service(model_store, config) as (service, _):
        vectors = await service.embed(["good morning", "good morning", "a red car"])
        with pytest.raises(InputError):
            await service.embed([""])
        with pytest.raises(InputError, match="task='chat'"):
            await service.complete(ASKED)
    assert vectors.shape == (3, WIDTH)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


@pytest.mark.models
async def test_texts_that_come_together_get_the_vectors_that_each_has_alone(model_store):
    texts = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Shares fell."]
    config = settings(entry("llama_cpp", task="embed"))
    async with llm_service(model_store, config) as (service, _):
        alone = np.concatenate([await service.embed([text]) for text in texts])
        together = await service.embed(texts)
        words = [Message("user", text) for text in texts]
        assert 15 < await service.count_tokens(words, model=SMOLLM) < 30
        with pytest.raises(ContextExceeded):
            await service.embed(["hello " * 5_000])
    assert (alone * together).sum(1) == pytest.approx(1, abs=1e-3)


@pytest.mark.models
async def test_a_writer_makes_no_vectors(model_store):
    async with llm_service(model_store, settings(entry("llama_cpp"))) as (service, _):
        with pytest.raises(InputError, match="task='embed'"):
            await service.embed(["hello"])
        with pytest.raises(InputError, match="task='embed'"):
            await service.embed(["hello"], model=SMOLLM)
