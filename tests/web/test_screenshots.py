"""Takes the pictures of the documentation: ``make screenshots``."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.web.conftest import opened_page

pytestmark = [
    pytest.mark.models,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
]

_FOLDER = Path(__file__).parents[2] / "docs" / "images"
_SAID = ("I passed my exam today and I am so happy!", "My dog is ill and I am sad and worried.")
_VIEWS = {
    "watch": ".watch-row",
    "memory": ".memory-entry",
    "models": "[data-model]",
    "settings": ".field",
}
"""Views beside Talk, with what tells that they are there."""
_LARGEST = 150_000


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}),
        ("dark", {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}),
        (
            "phone",
            {
                "viewport": {"width": 390, "height": 844},
                "device_scale_factor": 2,
                "has_touch": True,
            },
        ),
    ],
)
async def test_every_view_is_pictured(
    browser: Any, server: Any, name: str, options: dict[str, Any]
) -> None:
    async with opened_page(browser, server, **options) as page:
        await page.goto("/")
        await page.click("button[aria-label='Speak the replies']")
        for number, text in enumerate(_SAID):
            await page.fill(".composer textarea", text)
            await page.press(".composer textarea", "Enter")
            await page.wait_for_selector(f".said.agent.done >> nth={number}", timeout=60_000)
        await page.wait_for_timeout(1_200)  # the face takes its time
        await _save(page, f"talk-{name}")
        for view, there in _VIEWS.items():
            await page.goto(f"/#/{view}")
            await page.wait_for_selector(there)
            if view == "watch":
                await page.wait_for_timeout(8_000)  # the charts begin empty
            if view == "settings":
                await page.click(".sections >> text=llm")
                # The test's own folder says nothing to readers.
                usual = "~/.config/xy-core/xy-core.toml"
                await page.evaluate(f"document.querySelector('code').textContent = '{usual}'")
            await _save(page, f"{view}-{name}")


async def _save(page: Any, name: str) -> None:
    picture = Image.open(BytesIO(await page.screenshot())).convert("RGB")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    path = _FOLDER / f"{name}.webp"
    picture.save(path, quality=86, method=6)
    assert path.stat().st_size < _LARGEST
