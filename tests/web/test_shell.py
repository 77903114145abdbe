"""The shell: how the page is served, and what is around the views."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="session")]


async def test_the_page_shows_its_first_view(page: Any) -> None:
    await page.goto("/")
    await page.wait_for_selector("nav a[aria-current=page]")
    assert await page.title() == "xy-core"


async def test_the_language_switches_and_stays(page: Any) -> None:
    await page.goto("/")
    await page.select_option("select[aria-label=Language]", "zh")
    assert (await page.text_content("nav a[aria-current=page]")).strip() == "对话"
    await page.reload()
    await page.wait_for_selector("nav a[aria-current=page]")
    assert await page.get_attribute("html", "lang") == "zh-CN"
