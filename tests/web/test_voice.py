"""Talk by voice: a recording is the microphone, and the real models hear and answer it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from tests.web.conftest import opened_page

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="session")]

_TALKING = "import('/web/talk/talking.js').then((module) => module.talking)"
_PATIENT = 40.0
_HASTY = 3.0
"""Seconds of silence after the recording, which Chromium plays again and again."""


@pytest_asyncio.fixture(loop_scope="session")
async def speaker(
    launch: Any, server: Any, samples: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Any]:
    """A page whose microphone hears the sample recording."""
    sound, rate = soundfile.read(samples / "sad_news.wav", dtype="int16")
    silence = np.zeros(int(request.param * rate), np.int16)
    wav = tmp_path / "said.wav"
    soundfile.write(wav, np.concatenate([sound, silence]), rate, subtype="PCM_16")
    browser = await launch(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={wav}",
    )
    async with opened_page(browser, server, permissions=["microphone"]) as page:
        yield page
    await browser.close()


@pytest.mark.parametrize("speaker", [_PATIENT], indirect=True)
async def test_hands_free_hears_and_answers(speaker: Any) -> None:
    await speaker.goto("/")
    await speaker.click("button[aria-label='Hands-free conversation']")
    await speaker.wait_for_selector(".said.agent .prose p", timeout=45_000)
    assert len(await speaker.inner_text(".said.user .plain")) > 10
    await speaker.wait_for_function(f"{_TALKING}.then((it) => it.player.heard() > 0.2)")
    await speaker.click("button[aria-label='Stop everything']")
    await speaker.wait_for_selector("button[aria-label=Send]")
    assert not await speaker.query_selector(".listening")
    assert not await speaker.evaluate(f"{_TALKING}.then((it) => it.player.playing)")


@pytest.mark.parametrize("speaker", [_HASTY], indirect=True)
async def test_the_agent_is_silent_when_the_user_interrupts(speaker: Any) -> None:
    await speaker.goto("/")
    await speaker.evaluate(
        f"""{_TALKING}.then((it) => it.addEventListener("change", () => {{
            window.overlaps ??= 0;
            if (it.hearsSpeech && it.player.playing) window.overlaps += 1;
        }}))"""
    )
    await speaker.click("button[aria-label='Hands-free conversation']")
    await speaker.wait_for_selector(".said.user >> nth=1", timeout=60_000)
    assert await speaker.evaluate("window.overlaps") == 0
    first = speaker.locator(".said.agent").first
    assert "writing" not in await first.get_attribute("class")


@pytest.mark.parametrize("speaker", [_PATIENT], indirect=True)
async def test_held_speech_is_a_turn(speaker: Any) -> None:
    await speaker.goto("/")
    hold = speaker.locator("button[aria-label='Hold to talk']")
    await hold.focus()
    await speaker.keyboard.down(" ")
    await speaker.wait_for_selector(".listening.speech")
    await speaker.wait_for_timeout(4_500)
    await speaker.keyboard.up(" ")
    await speaker.wait_for_selector(".said.agent.done, .said.agent .prose p", timeout=45_000)
    assert len(await speaker.inner_text(".said.user .plain")) > 10
