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

_SILENCE = 3.5
"""Seconds between the recording's end and its start, since Chromium plays it again and again."""


@pytest_asyncio.fixture(loop_scope="session")
async def speaker(launch: Any, server: Any, samples: Path, tmp_path: Path) -> AsyncIterator[Any]:
    """A page whose microphone hears the sample recording."""
    sound, rate = soundfile.read(samples / "sad_news.wav", dtype="int16")
    silence = np.zeros(int(_SILENCE * rate), np.int16)
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


async def test_hands_free_hears_answers_and_lets_the_user_interrupt(speaker: Any) -> None:
    await speaker.goto("/")
    await speaker.click("button[aria-label='Hands-free conversation']")
    await speaker.wait_for_selector(".said.agent .prose p", timeout=45_000)
    assert len(await speaker.inner_text(".said.user .plain")) > 10
    assert await speaker.query_selector(".said.user .feeling, .said.user.done")
    # The recording begins again: the speech under way ends, and its turn is followed by another.
    await speaker.wait_for_selector(".listening.speech", timeout=30_000)
    await speaker.wait_for_function(
        "document.querySelectorAll('.said.user').length > 1", timeout=45_000
    )
    await speaker.click("button[aria-label='Stop everything']")
    await speaker.wait_for_selector("button[aria-label=Send]")
    assert not await speaker.query_selector(".listening")


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
