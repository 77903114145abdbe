"""Programs with real models, each opened once for a file of tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing

import pytest
import pytest_asyncio

from xy_core.agent import Agent, AgentConfig, TurnEvent, UserInput
from xy_core.models import ModelStore
from xy_core.modules.memory import MemoryService
from xy_core.runtime import Runtime, open_runtime
from xy_core.settings import load_settings

Open = Callable[[Sequence[str] | None], AbstractAsyncContextManager[Runtime]]


@pytest.fixture(scope="module")
def opening(model_store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Open:
    """How a program with these modules is opened, with a memory of its own.

    The memory goes by words alone, so that no embedding runs on after a turn.
    """
    folder = tmp_path_factory.mktemp("agent")

    def open_(modules: Sequence[str] | None) -> AbstractAsyncContextManager[Runtime]:
        settings = load_settings(
            overrides={
                "memory": {"path": folder / "memory.db", "embedding": None},
                "models": {"root": model_store.root},
            }
        )
        return open_runtime(settings, modules)

    return open_


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(opening: Open) -> AsyncIterator[Runtime]:
    """A program with all modules."""
    async with opening(None) as running:
        yield running


def agent(runtime: Runtime, **config: object) -> Agent:
    """Return an agent of that program with settings of its own."""
    return Agent(runtime.engine, AgentConfig.model_validate(config))


async def turn(agent: Agent, user_input: UserInput) -> list[TurnEvent]:
    """Run a whole turn and return its events."""
    async with aclosing(agent.respond(user_input)) as events:
        return [event async for event in events]


def busy(runtime: Runtime) -> dict[str, int]:
    """Return how many tasks wait and run in each lane."""
    lanes = runtime.engine.scheduler.statistics()
    return {name: lane.waiting + lane.running for name, lane in lanes.items()}


async def nothing_runs(runtime: Runtime) -> None:
    """Assert that every task has ended and no model works; wait out what cannot be interrupted.

    That is a sentence whose emotion is being read in a thread of the ``cpu`` lane: some
    milliseconds, more on a busy machine.
    """
    assert all(task.status.final for task in runtime.engine.scheduler.tasks())
    assert not any(count for lane, count in busy(runtime).items() if lane != "cpu")
    async with asyncio.timeout(5):
        while any(busy(runtime).values()):  # noqa: ASYNC110 - lanes tell nobody when they rest
            await asyncio.sleep(0.001)


async def written(runtime: Runtime) -> None:
    """Wait until memory has written what it was handed; reading waits for that."""
    await runtime.engine.module(MemoryService).recent("anybody", 1)


def of(kind: type[TurnEvent], events: Sequence[TurnEvent]) -> list[TurnEvent]:
    """Return the events of that type, in order."""
    return [event for event in events if isinstance(event, kind)]
