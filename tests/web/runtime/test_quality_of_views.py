"""What holds for Watch, Memory and Models: accessible, in both languages, on a phone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.web.conftest import opened_page
from xy_core.core.task import TaskType
from xy_core.modules.memory import MemoryService, MoodPoint

pytestmark = pytest.mark.asyncio(loop_scope="session")

_AXE = (Path(__file__).parents[1] / "vendor" / "axe.js").read_text("utf-8")
_AXE_NEEDS = {"bypass_csp": True}
"""To look behind things it styles them inline, which the page's policy forbids."""
_TEXTS = """async view => {
  const { en, zh } = await import(`/web/views/${view}.i18n.js`);
  const shown = document.querySelector('main').innerText;
  const untold = key => key.startsWith(view) && shown.includes(key);
  const odd = Object.keys(en).filter(key => !(key in zh) || untold(key));
  return [...odd, ...Object.keys(zh).filter(key => !(key in en))];
}"""
"""Keys that only one language has, or that are shown instead of their texts."""
_VIEWS = {"watch": ".watch-row", "memory": ".memory-entry", "models": "[data-model=toy]"}


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def something(server: Any) -> Any:
    """Something to show in every view."""
    memory = server.runtime.engine.module(MemoryService)
    await memory.remember_fact("Mei", "Mei has a cat named Momo.", emotion="joy")
    await memory.remember_turn("Mei", "user", "I am so happy!", emotion="joy")
    point = MoodPoint("Mei", time.time(), "joy", 0.5, 0.4, 0.1, {"joy": 1.0}, ("text",), "Momo")
    await memory.remember_mood(point)
    await memory.settle()

    async def use(_model: object) -> None:
        pass

    run = server.runtime.engine.scheduler.run
    for model in ("llm:qwen3-4b", "image.painter"):
        await run(use, model=model, task_type=TaskType.GPU_BOUND)
    yield
    await memory.forget("Mei")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", _VIEWS)
async def test_axe_finds_nothing_serious(browser: Any, server: Any, view: str, theme: str):
    async with opened_page(browser, server, color_scheme=theme, **_AXE_NEEDS) as page:
        await page.goto(f"/#/{view}")
        await page.locator(_VIEWS[view]).first.wait_for()
        await page.evaluate(_AXE)
        assert await _serious(page) == []


@pytest.mark.parametrize("view", ["watch", "memory"])
async def test_axe_finds_nothing_serious_in_sheets(browser: Any, server: Any, view: str):
    async with opened_page(browser, server, **_AXE_NEEDS) as page:
        await page.goto(f"/#/{view}")
        await page.evaluate(_AXE)
        if view == "watch":
            await page.locator(".watch-row.task").first.click()
            await page.locator("dialog .trace").wait_for()
        else:
            await page.get_by_role("button", name="Correct").click()
        assert await _serious(page) == []


async def test_a_phone_never_scrolls_sideways_and_speaks_chinese(browser: Any, server: Any):
    phone = {"width": 360, "height": 740}
    async with opened_page(browser, server, viewport=phone, locale="zh-CN") as page:
        for view, there in _VIEWS.items():
            await page.goto(f"/#/{view}")
            await page.locator(there).first.wait_for()
            main = "document.querySelector('main')"
            assert await page.evaluate(f"{main}.scrollWidth") == phone["width"], view
            title = {"watch": "观察", "memory": "记忆", "models": "模型"}[view]
            assert title in await page.locator("h1").text_content()
            assert await page.evaluate(_TEXTS, view) == []


async def _serious(page: Any) -> list[Any]:
    found = await page.evaluate("axe.run(document)")
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
