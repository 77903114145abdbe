"""What holds for every view: accessible, light, in both languages and themes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import opened_page

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="session")]

_AXE = (Path(__file__).parent / "vendor" / "axe.js").read_text("utf-8")
_VIEWS = {"talk": ".composer", "settings": ".field"}
_OTHERS = {"watch": ".watch-row", "memory": "h1", "models": "[data-model]"}
"""Views that `tests/web/runtime` holds to the rest; their weight counts here too."""
_KILOBYTES = 300
_WIDE = """[document.scrollingElement, document.querySelector("main")]
    .filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.tagName)"""
"""Parts of the page that can be scrolled sideways."""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", _VIEWS)
async def test_axe_finds_nothing_serious(browser: Any, server: Any, view: str, theme: str) -> None:
    async with opened_page(browser, server, color_scheme=theme) as page:
        await page.goto(f"/#/{view}")
        await page.wait_for_selector(_VIEWS[view])
        await page.evaluate(_AXE)
        found = await page.evaluate("axe.run(document)")
    serious = [
        (one["id"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []


async def test_a_phone_never_scrolls_sideways(browser: Any, server: Any) -> None:
    phone = {"width": 360, "height": 740}
    async with opened_page(browser, server, viewport=phone) as page:
        for view, there in _VIEWS.items():
            await page.goto(f"/#/{view}")
            await page.wait_for_selector(there)
            if view == "talk":
                await page.click(".idea")
                await page.wait_for_selector(".said.agent")
            wide = await page.evaluate(_WIDE)
            assert wide == [], view


async def test_the_page_is_light(browser: Any, server: Any) -> None:
    async with opened_page(browser, server) as page:
        network = await page.context.new_cdp_session(page)
        await network.send("Network.enable")
        sizes: list[int] = []
        network.on(
            "Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"])
        )
        for view, there in (_VIEWS | _OTHERS).items():
            await page.goto(f"/#/{view}")
            await page.wait_for_selector(there)
    assert 0 < sum(sizes) <= _KILOBYTES * 1024
