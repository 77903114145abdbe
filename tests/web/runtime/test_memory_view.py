"""Looking through what is remembered, correcting and forgetting it in the browser."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.web.runtime.conftest import HOSTILE
from xy_core.modules.memory import MemoryService, MoodPoint

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def memory(server: Any) -> MemoryService:
    return server.runtime.engine.module(MemoryService)


@pytest_asyncio.fixture(loop_scope="session")
async def lin(memory: MemoryService) -> Any:
    """A person of whom something is remembered."""
    await memory.remember_turn("Lin", "user", "I have a cat.", emotion="joy")
    await memory.remember_turn("Lin", "user", HOSTILE, emotion="fear")
    await memory.remember_fact("Lin", "Lin lives in Beijing.", topic="home", emotion="joy")
    now = time.time()
    for number, emotion in enumerate(("joy", "fear", "joy")):
        point = MoodPoint("Lin", now + number, emotion, 0.5, 0.4, 0.1, {emotion: 1.0}, ("text",))
        await memory.remember_mood(point)
    await memory.settle()
    yield "Lin"
    await memory.forget("Lin")


@pytest_asyncio.fixture(loop_scope="session")
async def view(page: Any, lin: str) -> Any:
    """The view of Lin's memory."""
    await page.goto("/#/memory")
    await page.get_by_label("Whose memory").select_option(lin)
    await page.locator(".memory-entry").nth(2).wait_for()
    return page


def entry(view: Any, text: str) -> Any:
    return view.locator(".memory-entry", has=view.get_by_text(text, exact=True))


async def test_a_memory_is_forgotten_after_a_question(view: Any, memory: MemoryService):
    found = entry(view, "I have a cat.")
    await found.locator(".feeling", has_text="joy").wait_for()
    await found.get_by_role("button", name="Forget").click()
    ask = view.get_by_role("dialog", name="Forget this?")
    await ask.get_by_role("button", name="Keep it").click()
    await ask.wait_for(state="detached")
    assert len(await memory.entries("Lin")) == 3
    await found.get_by_role("button", name="Forget").click()
    await ask.get_by_role("button", name="Forget", exact=True).click()
    await found.wait_for(state="detached")
    assert "I have a cat." not in {one.text for one in await memory.entries("Lin")}


async def test_a_fact_is_corrected(view: Any, memory: MemoryService):
    await entry(view, "Lin lives in Beijing.").get_by_role("button", name="Correct").click()
    sheet = view.get_by_role("dialog", name="Correct")
    await sheet.get_by_label("What is true").fill("Lin lives in Chengdu.")
    await sheet.get_by_role("button", name="Save").click()
    await entry(view, "Lin lives in Chengdu.").wait_for()
    assert [one.text for one in await memory.facts("Lin")] == ["Lin lives in Chengdu."]
    await entry(view, "Lin lives in Chengdu.").get_by_role("button", name="Where").click()
    await view.get_by_role("dialog", name="Where it comes from").get_by_text("100 %").wait_for()


async def test_a_search_finds_and_code_stays_text(view: Any):
    await view.get_by_role("searchbox").fill("window.hacked")
    await view.locator(".memory-entry").nth(1).wait_for(state="detached")
    assert await view.locator(".memory-text p").first.text_content() == HOSTILE
    assert await view.evaluate("window.hacked") is None
    await view.get_by_role("searchbox").fill("")
    await view.get_by_label("Emotion").select_option("fear")
    await entry(view, HOSTILE).wait_for()
    assert await view.locator(".memory-entry").count() == 1


async def test_the_moods_are_walked_through_by_keyboard(view: Any):
    moods = view.get_by_role("slider", name="Moods")
    assert await moods.get_attribute("aria-valuenow") == "3"
    await moods.focus()
    await view.keyboard.press("ArrowLeft")
    await view.locator(".memory-mood b", has_text="fear").wait_for()
    assert (await moods.get_attribute("aria-valuetext")).startswith("fear")


async def test_memories_are_taken_along(view: Any):
    async with view.expect_download() as download:
        await view.get_by_role("button", name="Export").click()
    saved = await download.value
    assert saved.suggested_filename == "xy-core-memory-Lin.json"
    document = json.loads(Path(await saved.path()).read_text("utf-8"))  # noqa: ASYNC240 - small
    assert document["format"] == "xy-core.memory"


async def test_a_span_and_then_everything_is_forgotten(view: Any, memory: MemoryService):
    await view.get_by_role("button", name="Forget a span of time").click()
    sheet = view.get_by_role("dialog", name="Forget a span of time")
    await sheet.get_by_label("Which time").select_option("hour")
    await sheet.get_by_role("button", name="Forget", exact=True).click()
    await view.locator(".memory-entry").first.wait_for(state="detached")
    assert await memory.entries("Lin") == []
    await memory.remember_turn("Lin", "user", "Once more.")
    await view.reload()
    await view.get_by_role("button", name="Forget everything").click()
    sheet = view.get_by_role("dialog", name="Forget everything of Lin?")
    await sheet.get_by_role("textbox").fill("Li")
    await sheet.get_by_role("button", name="Forget everything").click()
    assert len(await memory.entries("Lin")) == 1
    await sheet.get_by_role("textbox").fill("Lin")
    await sheet.get_by_role("button", name="Forget everything").click()
    await view.get_by_text("memories were deleted").wait_for()
    assert "Lin" not in {one.person for one in await memory.people()}
