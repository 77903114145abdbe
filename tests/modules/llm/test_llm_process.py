"""Language models in processes of their own: the same replies, and life after a crash."""

from __future__ import annotations

import asyncio
import os
import signal

import psutil
import pytest

from tests.modules.llm.test_service import llm_service, write
from xy_core.core.errors import BackendError, WorkerCrashed
from xy_core.core.host import HostState
from xy_core.core.module import HealthStatus
from xy_core.modules.llm import Message
from xy_core.modules.llm.config import LLMConfig

STORY = [Message("user", "Tell me a very long story.")]
ENGLISH = "smollm2-135m-instruct"
ONE = {"models": LLMConfig().models[:1]}


def config(isolation: str = "process", **values: object) -> LLMConfig:
    """One thread a model: with more, llama.cpp's wait for one another, long on a busy machine."""
    return LLMConfig(**{"isolation": isolation, "threads": 1, "max_tokens": 16} | values)


@pytest.mark.models
async def test_a_reply_is_the_same_wherever_the_model_lives(model_store):
    words = ("I just lost my job.", "我升职了，好开心！")
    async with llm_service(model_store, config("none")) as (service, _):
        here = [await write(service, words[0]), await write(service, words[1], "zh")]
    async with llm_service(model_store, config()) as (service, _):
        hosts = [place.model.host for place in service._places.values()]
        pids = {host.pid for host in hosts}
        assert len(pids - {os.getpid(), None}) == 2
        assert [await write(service, words[0]), await write(service, words[1], "zh")] == here
        several = await asyncio.gather(*(write(service, words[0]) for _ in range(4)))
        assert all(several)
        assert (await service.health()).status is HealthStatus.READY
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.models
async def test_a_kill_in_the_middle_of_a_reply_ends_that_reply_only(model_store):
    async with llm_service(model_store, config(max_tokens=1_000)) as (service, scheduler):
        host = service._places[ENGLISH].model.host
        async with (
            service.generate(STORY) as broken,
            service.generate([Message("user", "你好")], language="zh") as other,
        ):
            await anext(broken)
            assert await anext(other)
            os.kill(host.pid, signal.SIGKILL)
            with pytest.raises(WorkerCrashed, match=rf"{ENGLISH}.*SIGKILL"):
                async for _ in broken:
                    pass
            assert [delta async for delta in other][-1].finish_reason
        async with service.generate(STORY) as again:
            assert (await anext(again)) is not None
        assert host.restarts == 1
        assert scheduler.lane("device:cpu").statistics().running == 0


@pytest.mark.models
async def test_closing_the_stream_stops_the_model_in_its_process(model_store):
    async with llm_service(model_store, config(**ONE, max_tokens=1_500)) as (
        service,
        scheduler,
    ):
        host = service._places[ENGLISH].model.host
        before = host.pid
        stream = service.generate(STORY)
        async with stream:
            await anext(stream)
        assert stream.info.status.value == "cancelled"
        assert scheduler.lane("device:cpu").statistics().running == 0
        assert host.pid == before  # it obeyed, and was not killed
        assert await write(service, "Say yes.")


@pytest.mark.models
async def test_its_errors_are_the_backend_s(model_store):
    async with llm_service(model_store, config(**ONE, context_tokens=256, slots=1)) as (
        service,
        _,
    ):
        with pytest.raises(BackendError, match=r"too long.*llm\.context_tokens"):
            await write(service, "hello " * 1_000)


@pytest.mark.models
async def test_a_model_that_restarts_is_told_by_health(model_store):
    async with llm_service(model_store, config(**ONE, process={"backoff": 10})) as (
        service,
        _,
    ):
        host = service._places[ENGLISH].model.host
        os.kill(host.pid, signal.SIGKILL)
        await asyncio.to_thread(host._wait, lambda: host.state is HostState.RESTARTING)
        health = await service.health()
        assert health.status is HealthStatus.DEGRADED
        assert health.detail == f"the process of {ENGLISH} is restarting"
