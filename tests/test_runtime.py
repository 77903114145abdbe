"""A program is put together from its settings, and stops in bounded time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from xy_core.agent import UserInput
from xy_core.core.errors import SchedulerClosed, UnknownModuleError
from xy_core.core.module import HealthStatus
from xy_core.models import ModelStore
from xy_core.runtime import open_runtime
from xy_core.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a machine without models."""
    return load_settings(
        overrides={
            "models": {"root": tmp_path / "models"},
            "memory": {"path": tmp_path / "memory.db"},
            "modules": ["emotion"],
            "llm": {"models": [{"id": "smollm2-135m-instruct", "languages": ["en"]}]},
            "scheduler": {"cpu": {"max_workers": 1}},
        }
    )


async def test_the_settings_reach_every_part(settings: Settings, tmp_path: Path):
    async with open_runtime(settings) as running:
        assert running.settings is settings
        assert running.store.root == tmp_path / "models"
        assert running.engine.scheduler.config == settings.scheduler
        health = await running.engine.health()
        assert {name: found.status for name, found in health.items()} == {
            "emotion": HealthStatus.READY
        }


async def test_the_modules_that_are_named_win_over_the_settings(settings: Settings):
    async with open_runtime(settings, []) as running:
        assert await running.engine.health() == {}


async def test_a_module_that_nobody_offers_is_refused_and_nothing_runs_on(settings: Settings):
    with pytest.raises(UnknownModuleError, match="nonsense") as error:
        async with open_runtime(settings, ["nonsense"]):
            pytest.fail("it cannot start")
    assert error.value.exit_code == 2
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_missing_models_are_told_by_health_and_stop_nothing(settings: Settings):
    async with open_runtime(settings, ["llm", "voice", "emotion"]) as running:
        health = await running.engine.health()
    assert health["emotion"].status is HealthStatus.READY
    for name in ("llm", "voice"):
        assert health[name].status is not HealthStatus.READY
        assert "xy-core models pull" in health[name].detail


async def test_it_stops_with_the_block_also_after_an_error(settings: Settings):
    with pytest.raises(ValueError, match="mine"):
        async with open_runtime(settings) as running:
            raise ValueError("mine")
    with pytest.raises(SchedulerClosed):
        running.engine.scheduler.lane("cpu")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_two_programs_can_run_side_by_side(settings: Settings):
    async with open_runtime(settings) as one, open_runtime(settings) as other:
        assert one.engine.scheduler is not other.engine.scheduler
        for running in (one, other):
            turn = running.agent.respond(UserInput("Hello"))
            assert [event.kind async for event in turn][-1] == "error"


@pytest.mark.models
async def test_it_stops_in_time_in_the_middle_of_a_turn(
    settings: Settings, model_store: ModelStore
):
    models = settings.models.model_copy(update={"root": model_store.root})
    settings = settings.model_copy(update={"models": models})
    async with open_runtime(settings, ["llm"]) as running:
        events = running.agent.respond(UserInput("Tell me a long story about a cat."))
        async for event in events:
            if event.kind == "token":
                break
        begun = time.monotonic()
    assert time.monotonic() - begun < settings.engine.stop_timeout + settings.engine.drain_timeout
    await events.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
