"""Fetching, loading and unloading models in the browser."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import pytest_asyncio

from tests.web.runtime.conftest import HOSTILE, WEIGHTS

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def view(page: Any) -> Any:
    """The view, with its catalogue."""
    await page.goto("/#/models")
    await page.locator("[data-model=toy]").wait_for()
    return page


async def test_a_model_is_fetched_with_progress_cancelled_and_fetched_again(view: Any, server: Any):
    gate = threading.Event()
    path = "/toys/toy/resolve/main/toy.bin"
    page = server.web.add(path, WEIGHTS, gate=gate, pause=len(WEIGHTS) // 2)
    toy = view.locator("[data-model=toy]")
    try:
        await toy.get_by_role("button", name="Fetch A toy").click()
        bar = toy.get_by_role("progressbar", name="Fetching A toy")
        await bar.wait_for()
        # Another page joins what this one began.
        await view.reload()
        await bar.wait_for()
        await toy.get_by_role("button", name="Cancel fetching").click()
        await toy.get_by_text("Cancelled").wait_for()
    finally:
        gate.set()
    page.gate = None
    await toy.get_by_role("button", name="Fetch A toy").click()
    await toy.locator(".tag.ready", has_text="installed").wait_for()
    assert server.runtime.store.installed("toy")
    await toy.get_by_role("button", name="Delete A toy").click()
    sheet = view.get_by_role("dialog", name="Delete A toy")
    await sheet.get_by_role("button", name="Delete", exact=True).click()
    await toy.get_by_role("button", name="Fetch A toy").wait_for()
    assert not server.runtime.store.installed("toy")


async def test_progress_moves_while_bytes_come(view: Any, server: Any):
    gate = threading.Event()
    path = "/toys/hostile/resolve/main/toy.bin"
    server.web.add(path, WEIGHTS * 1, gate=gate, pause=len(WEIGHTS) // 2)
    card = view.locator("[data-model=hostile]")
    try:
        await card.get_by_role("button", name="Fetch").click()
        await card.get_by_role("progressbar").wait_for()
    finally:
        gate.set()
    await card.locator(".tag.ready", has_text="installed").wait_for()
    assert await card.locator("h3").text_content() == HOSTILE
    assert await view.evaluate("window.hacked") is None
    await server.runtime.store.remove("hostile")


async def test_a_model_that_the_hub_lacks_says_why(view: Any, server: Any):
    server.web.pages.pop("/toys/hostile/resolve/main/toy.bin", None)
    await view.reload()
    card = view.locator("[data-model=hostile]")
    await card.get_by_role("button", name="Fetch").click()
    await card.get_by_role("alert").wait_for()


async def test_a_model_is_loaded_and_unloaded_by_hand(view: Any, server: Any):
    await server.runtime.engine.scheduler.unload_model("image.painter", "sim:0")
    await view.get_by_role("button", name="Load image.painter").click()
    await view.get_by_role("button", name="Unload image.painter").click()
    await view.get_by_role("button", name="Load image.painter", exact=True).wait_for()
    row = view.locator(".models-device li", has_text=HOSTILE)
    assert await row.locator("b").text_content() == HOSTILE


async def test_the_catalogue_is_filtered_and_says_how_a_model_fits(view: Any):
    await view.get_by_role("searchbox", name="Search models").fill("qwen2.5-7b")
    await view.locator("[data-model=toy]").wait_for(state="detached")
    card = view.locator("[data-model='qwen2.5-7b-instruct']")
    await card.locator("summary").click()
    await card.locator("tr.chosen").wait_for()
    await view.get_by_label("Which models").select_option("installed")
    await view.get_by_text("No model fits.").wait_for()
