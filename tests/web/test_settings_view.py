"""The settings' form."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="session")]


async def test_a_setting_is_found_changed_and_saved(page: Any, server: Any) -> None:
    await page.goto("/#/settings")
    await page.fill(".find", "llm.temperature")
    await page.fill("[id='set-llm.temperature']", "0.7")
    await page.press("[id='set-llm.temperature']", "Tab")
    await page.click("text=Save >> nth=-1")
    await page.wait_for_selector(".toast.good")
    assert "temperature = 0.7" in server.config.read_text()


async def test_a_value_that_does_not_fit_is_refused(page: Any, server: Any) -> None:
    before = server.config.read_text()
    await page.goto("/#/settings")
    await page.fill(".find", "llm.temperature")
    await page.fill("[id='set-llm.temperature']", "9")
    await page.press("[id='set-llm.temperature']", "Tab")
    await page.click("text=Save >> nth=-1")
    await page.wait_for_selector(".toast.bad")
    assert "llm.temperature" in await page.inner_text(".toast.bad")
    assert server.config.read_text() == before
