"""An agent's turn whose language model is on a node that dies."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing

import pytest

from xy_core.agent import Agent, AgentConfig, ReplyToken, TurnDone, TurnEvent, TurnFailed, UserInput
from xy_core.cluster.simulated import SimulatedCluster
from xy_core.core.errors import WorkerCrashed
from xy_core.core.host import ModelHost
from xy_core.modules.llm import LLMService
from xy_core.modules.llm.config import LLMConfig
from xy_core.modules.memory import MemoryService
from xy_core.runtime import Runtime, open_runtime
from xy_core.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.models, pytest.mark.timeout(240)]

STORY = UserInput("Tell me a very long story about the sea.")


@pytest.fixture
def places(nodes):
    """The nodes that may have the model; there is one."""
    there = [nodes.add(language=1.0)]
    yield there
    nodes.kill(*there)


@pytest.fixture
async def runtime(nodes, places, tmp_path, model_store):  # noqa: ARG001 - there is a node
    """A program whose language model waits for a node; its memory goes by words."""
    settings = load_settings(
        overrides={
            "models": {"root": str(model_store.root)},
            "journal": {"path": str(tmp_path / "journal.db")},
            "memory": {"path": tmp_path / "memory.db", "embedding": None},
            "cluster": {"address": nodes.address},
            "llm": {
                "isolation": "cluster",
                "models": LLMConfig().models[:1],
                "max_tokens": 400,
                "node": {"cpus": 0.1, "resources": {"language": 0.1}},
                "process": {"backoff": 0.01, "start_timeout": 100, "ping_timeout": 100},
            },
        }
    )
    async with open_runtime(settings, ["llm", "memory"]) as running:
        yield running


def agent(runtime: Runtime) -> Agent:
    return Agent(runtime.engine, AgentConfig(speak=False, max_sentences=100, learn_facts=False))


def host(runtime: Runtime) -> ModelHost:
    (place,) = runtime.engine.module(LLMService)._places.values()
    return place.model.host


def stop(runtime: Runtime) -> int:
    """Let the model's process do nothing more, and return its id."""
    pid = host(runtime).pid
    os.kill(pid, signal.SIGSTOP)
    return pid


async def cut_power(nodes: SimulatedCluster, places: list[object], stopped: int) -> None:
    """End a node with its process, which would outlive it for a moment on this machine."""
    await asyncio.to_thread(nodes.kill, places.pop())
    os.kill(stopped, signal.SIGKILL)


async def test_a_turn_whose_node_dies_keeps_what_was_read_and_a_node_that_rejoins_is_used(
    runtime, nodes, places
):
    told: list[TurnEvent] = []
    async with aclosing(agent(runtime).respond(STORY)) as events:
        async for event in events:
            if isinstance(event, ReplyToken) and places:
                await cut_power(nodes, places, stop(runtime))
            told.append(event)
    assert isinstance(told[-1], TurnFailed)
    assert isinstance(told[-1].error, WorkerCrashed)
    read = "".join(event.text for event in told if isinstance(event, ReplyToken)).strip()
    remembered = await runtime.engine.module(MemoryService).recent("user", 2)
    assert [(one.role, one.text) for one in remembered] == [
        ("user", STORY.text),
        ("assistant", read),
    ]
    places.append(nodes.add(language=1.0))  # the machine comes back
    async with aclosing(agent(runtime).respond(UserInput("Say yes."))) as events:
        last = [event async for event in events][-1]
    assert isinstance(last, TurnDone)
    assert host(runtime).node.endswith(places[0].node_id[:12])


async def test_a_turn_that_has_told_nothing_is_answered_by_another_node(runtime, nodes, places):
    stopped = stop(runtime)  # so that not a word gets out
    lane = runtime.engine.scheduler.lane("device:cluster")

    async def answer() -> list[object]:
        async with aclosing(agent(runtime).respond(UserInput("Say yes."))) as events:
            return [event async for event in events]

    answering = asyncio.create_task(answer())
    while not lane.statistics().running:  # noqa: ASYNC110 - a lane tells nobody
        await asyncio.sleep(0)
    await cut_power(nodes, places, stopped)
    places.append(nodes.add(language=1.0))
    events = await answering
    assert isinstance(events[-1], TurnDone)
    assert events[-1].reply
    assert host(runtime).restarts
