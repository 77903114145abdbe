"""Long conversations: what falls out is summed up later, with the real model."""

from __future__ import annotations

import pytest

from tests.modules.llm.engines import entry, settings
from tests.modules.llm.test_service import llm_service
from xy_core.agent.recap import Recaps, fallen_out
from xy_core.core.errors import ContextExceeded
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import Message

pytestmark = pytest.mark.models
SYSTEM = Message("system", "You are kind.")
NEWEST = Message("user", "What did I tell you about my dog?")
WHO = {"person": "ann", "language": "en"}


def turns(count):
    """So many turns of about a hundred tokens."""
    return [
        message
        for number in range(count)
        for message in (
            Message("user", f"Day {number}: my dog ran away. " + "I looked for him. " * 18),
            Message("assistant", f"I am sorry, {number} times."),
        )
    ]


@pytest.fixture
async def running(model_store):
    config = settings(entry("llama_cpp"), context_tokens=512, max_tokens=32, slots=1)
    async with llm_service(model_store, config) as both:
        yield both


async def test_what_fits_stays_as_it_is_and_costs_no_task(running):
    service, scheduler = running
    talk = [SYSTEM, Message("user", "hi"), NEWEST]
    assert await Recaps().fitted(service, talk, **WHO) == tuple(talk)
    assert not [task for task in scheduler.tasks() if task.name == "llm.count"]


async def test_whole_turns_fall_out_and_a_recap_takes_their_place(running):
    service, scheduler = running
    recaps, talk = Recaps(), [SYSTEM, *turns(6), NEWEST]
    kept = await recaps.fitted(service, talk, **WHO)
    assert (kept[0], kept[-1]) == (SYSTEM, NEWEST)
    assert kept[1].role == "user"
    fallen = fallen_out(talk, kept)
    assert fallen == talk[1 : 1 + len(fallen)]
    assert (
        await service.count_tokens(kept)
        <= 480
        < await service.count_tokens([SYSTEM, *fallen[-2:], *kept[1:]])
    )

    recaps.sum_up(scheduler, service, fallen, **WHO)
    recaps.sum_up(scheduler, service, fallen, **WHO)  # once is enough
    await scheduler.lane("default").drain()
    made = [task for task in scheduler.tasks() if task.name in {"agent.recap", "llm.complete"}]
    assert {task.priority for task in made} == {TaskPriority.LOW}
    assert len(made) == 2
    scheduler.lane("default").resume()

    again = await recaps.fitted(service, talk, **WHO)
    assert again[0].content.startswith("You are kind.\nEarlier in this conversation: ")
    assert again[-1] == NEWEST
    assert await service.count_tokens(again) <= 480
    other = await recaps.fitted(service, talk, person="ben", language="en")
    assert other[0] == SYSTEM
    recaps.forget("ann")
    assert (await recaps.fitted(service, talk, **WHO))[0] == SYSTEM


async def test_a_newest_turn_that_cannot_fit_is_a_typed_error(running):
    with pytest.raises(ContextExceeded):
        await Recaps().fitted(running[0], [SYSTEM, Message("user", "hello " * 600)], **WHO)
