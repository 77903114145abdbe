"""The retention settings as a periodic task of the core, in a whole program."""

from __future__ import annotations

import pytest

from xy_core.core.schedule import Every
from xy_core.modules.memory import MemoryService
from xy_core.runtime import open_runtime
from xy_core.settings import load_settings

TASK = "memory.tidy"


@pytest.fixture
def opened(tmp_path):
    def open_(**retention):
        memory = {"path": tmp_path / "memory.db", "embedding": None, "retention": retention}
        settings = {"memory": memory, "journal": {"path": tmp_path / "journal.db"}}
        return open_runtime(load_settings(overrides=settings), ["memory"])

    return open_


async def test_what_is_not_kept_goes_when_the_core_runs_it(opened):
    async with opened(facts=1, interval=600) as runtime:
        engine = runtime.engine
        ((periodic, _),) = (await engine.periodic.upcoming()).values()
        assert (periodic.task, periodic.schedule) == (TASK, Every(600))
        memory = engine.module(MemoryService)
        for fact in ("Lin likes tea", "Lin likes jazz"):
            await memory.remember_fact("lin", fact)
        task = await engine.durable.submit(TASK)
        await task
        assert len(await memory.facts("lin")) == 1


async def test_it_goes_on_after_the_module_or_the_program_was_started_again(opened):
    for _ in range(2):
        async with opened(days=30, interval=600) as runtime:
            await runtime.engine.reload_module("memory")
            assert [*await runtime.engine.periodic.upcoming()] == [TASK]
            await (await runtime.engine.durable.submit(TASK))


async def test_without_a_policy_there_is_no_task_and_no_journal(opened, tmp_path):
    async with opened():
        pass
    assert not (tmp_path / "journal.db").exists()


async def test_a_second_program_leaves_it_to_the_first(opened):
    async with opened(facts=1), opened(facts=1) as second:
        memory = second.engine.module(MemoryService)
        await memory.remember_fact("lin", "Lin likes tea")
        assert len(await memory.facts("lin")) == 1
