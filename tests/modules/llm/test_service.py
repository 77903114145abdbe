"""The llm module with its real models."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from xy_core.core.config import BusConfig, DeviceConfig, SchedulerConfig
from xy_core.core.errors import BackendError, InputError, ModelNotInstalledError
from xy_core.core.events import EventBus
from xy_core.core.module import HealthStatus, ModuleContext
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import ModelStore
from xy_core.modules.llm import LLMService, Message
from xy_core.modules.llm.backends.llama_cpp import LlamaCppChat
from xy_core.modules.llm.config import LLMConfig


@asynccontextmanager
async def llm_service(store, config=None):
    schedule = SchedulerConfig(devices=(DeviceConfig(name="cpu", slots=4),))
    async with GlobalTaskScheduler(schedule) as scheduler:
        context = ModuleContext(scheduler, EventBus(BusConfig()), {ModelStore: store})
        service = LLMService(context, config or LLMConfig())
        await service.initialize()
        try:
            yield service, scheduler
        finally:
            await service.stop()


async def write(service, words, language="en"):
    async with service.generate([Message("user", words)], language=language) as stream:
        return "".join([delta.text async for delta in stream])


@pytest.mark.models
async def test_it_answers_in_both_languages_and_several_at_a_time(model_store):
    async with llm_service(model_store) as (service, scheduler):
        english, chinese, other = await asyncio.gather(
            write(service, "I just lost my job."),
            write(service, "我升职了，好开心！", "zh"),
            write(service, "Bonjour", "fr"),
        )
        assert "job" in english
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese)
        assert "\n" not in chinese
        assert other
        tasks = [task for task in scheduler.tasks() if task.name == "llm.generate"]
        assert sorted(task.note for task in tasks) == [
            "gemma3-270m-base", "smollm2-135m-instruct", "smollm2-135m-instruct",
        ]  # fmt: skip
        assert {task.lane for task in tasks} == {"device:cpu"}
        assert (await service.health()).status is HealthStatus.READY


@pytest.mark.models
async def test_closing_the_stream_stops_the_model(model_store):
    config = LLMConfig(max_tokens=1_500)
    async with llm_service(model_store, config) as (service, scheduler):
        stream = service.generate([Message("user", "Tell me a very long story.")])
        async with stream:
            await anext(stream)
            begun = time.process_time()
        assert time.process_time() - begun < 2
        assert stream.info.status.value == "cancelled"
        assert scheduler.lane("device:cpu").statistics().running == 0


@pytest.mark.models
async def test_a_long_conversation_loses_its_oldest_messages_only(model_store):
    config = LLMConfig(context_tokens=256, slots=1, max_tokens=8)
    async with llm_service(model_store, config) as (service, _):
        history = [Message("user", "hello " * 100)] * 4
        async with service.generate([*history, Message("user", "Say yes.")]) as stream:
            assert "".join([delta.text async for delta in stream])
        with pytest.raises(BackendError, match=r"too long.*llm\.context_tokens"):
            await write(service, "hello " * 1_000)


@pytest.mark.models
async def test_nothing_to_answer_is_refused(model_store):
    async with llm_service(model_store) as (service, _):
        with pytest.raises(InputError, match="no message"):
            service.generate([])


async def test_a_missing_model_names_the_command(tmp_path):
    with pytest.raises(ModelNotInstalledError, match="xy-core models pull smollm2-135m-instruct"):
        async with llm_service(ModelStore(tmp_path)):
            pass


@pytest.mark.parametrize("content", [b"", b"text", b"GGUF", b"GGUF" + b"\xff" * 100])
def test_what_is_not_a_model_is_refused(tmp_path, content):
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(BackendError, match=r"bad\.gguf"):
        LlamaCppChat(path, LLMConfig().models[0], LLMConfig()).load()
