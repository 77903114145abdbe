"""What the language module lends to memory."""

from __future__ import annotations

import asyncio

import pytest

from xy_core.core.task import TaskPriority
from xy_core.modules.llm import LLMService
from xy_core.modules.memory import MemoryService
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings

pytestmark = pytest.mark.models
MODEL = "smollm2-135m-instruct"


@pytest.fixture
def settings(model_store, tmp_path):
    def with_models(*tasks):
        models = [{"id": MODEL, "task": task, "languages": ["en"]} for task in tasks]
        memory = {"path": tmp_path / "memory.db", "embedding": "llm"}
        llm = {"models": models, "context_tokens": 256, "slots": 1, "threads": 1}
        root = {"root": model_store.root}
        return load_settings(overrides={"memory": memory, "llm": llm, "models": root})

    return with_models


async def test_memory_understands_by_the_language_module_s_model(settings):
    async with open_runtime(settings("embed"), ["llm", "memory"]) as runtime:
        memory = runtime.engine.module(MemoryService)
        await memory.remember_turn("lin", "user", "I bake bread")
        await memory.settle()
        assert (await memory.health()).facts["embedder"] == f"llm {MODEL}"
        (found,) = await memory.recall("lin", "zzz yyy xxx")  # no word is the same
        assert found.memory.text == "I bake bread"


async def test_it_is_lent_again_to_a_module_that_was_loaded_anew(settings, monkeypatch):
    lent = asyncio.Event()
    use = MemoryService.use_embedder

    async def noted(self, *given):
        await use(self, *given)
        lent.set()

    monkeypatch.setattr(MemoryService, "use_embedder", noted)
    async with open_runtime(settings("embed"), ["llm", "memory"]) as runtime:
        lent.clear()
        await runtime.engine.reload_module("memory")
        await lent.wait()
        memory = runtime.engine.module(MemoryService)
        await memory.remember_turn("lin", "user", "I bake bread")
        await memory.settle()
        assert await memory.recall("lin", "zzz yyy xxx")


async def test_old_memories_are_embedded_as_low_work(settings, monkeypatch):
    asked = []
    embed = LLMService.embed

    async def noted(self, texts, **options):
        asked.append(options["priority"])
        return await embed(self, texts, **options)

    monkeypatch.setattr(LLMService, "embed", noted)
    async with open_runtime(settings("embed"), ["llm", "memory"]) as runtime:
        memory = runtime.engine.module(MemoryService)
        await memory.remember_turn("lin", "user", "I bake bread")
        await memory.settle()
        await memory.recall("lin", "bread", priority=TaskPriority.HIGH)
    assert asked == [TaskPriority.LOW, TaskPriority.HIGH]


async def test_without_a_model_that_embeds_words_are_enough(settings):
    async with open_runtime(settings("chat"), ["llm", "memory"]) as runtime:
        memory = runtime.engine.module(MemoryService)
        await memory.remember_turn("lin", "user", "I bake bread")
        await memory.settle()
        (found,) = await memory.recall("lin", "bread")
        assert found.memory.text == "I bake bread"
