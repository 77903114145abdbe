"""Talk with a keyboard: turns, pictures, stop, edit, conversations, a server that restarts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="session")]

_HOSTILE = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>[x](javascript:hacked)'
)


async def _say(page: Any, text: str) -> None:
    await page.fill(".composer textarea", text)
    await page.press(".composer textarea", "Enter")


async def _quiet(page: Any) -> None:
    """Leave out the speech, which takes most of a turn's time."""
    await page.goto("/")
    await page.click("button[aria-label='Speak the replies']")


async def test_a_turn_is_answered_and_the_face_follows(page: Any) -> None:
    await _quiet(page)
    await _say(page, "I passed my exam today and I am so happy!")
    await page.wait_for_selector(".said.agent.done")
    assert len((await page.inner_text(".said.agent .prose")).strip()) > 3
    assert await page.inner_text(".said.user .feeling") == "joy"
    assert await page.get_attribute(".face-card .face", "aria-label") == "The agent shows joy"
    assert "joy" in await page.inner_text(".wheel figcaption")


async def test_a_picture_is_read_and_its_name_is_text(page: Any, samples: Path) -> None:
    await _quiet(page)
    name = "<b onclick=1>sign.png"
    content = (samples / "sign.png").read_bytes()
    await page.set_input_files(
        "input[type=file]", {"name": name, "mimeType": "image/png", "buffer": content}
    )
    await page.wait_for_selector(".attached img")
    await _say(page, "What does the sign say?")
    await page.wait_for_selector(".said.agent.done")
    assert await page.inner_text(".shown figcaption") == name
    assert "read:" in await page.inner_text(".said.user footer")


async def test_what_is_no_picture_is_refused(page: Any) -> None:
    await page.goto("/")
    given = {"name": "a.png", "mimeType": "image/png", "buffer": b"GIF89a nothing"}
    await page.set_input_files("input[type=file]", given)
    await page.wait_for_selector("text=a.png is not a picture")
    assert not await page.query_selector(".attached")


async def test_markup_in_messages_is_text(page: Any) -> None:
    reply = f"{_HOSTILE}\n\n```js\nlet a = '<b>';\n```\n\n**bold** <iframe src=/></iframe>"
    events = [
        ("token", {"text": reply}),
        ("done", {"reply": reply, "language": "en", "seconds": {}}),
    ]
    body = "".join(f"event: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in events)
    await page.route(
        "**/v1/agent/turns",
        lambda route: route.fulfill(body=body, content_type="text/event-stream"),
    )
    await page.goto("/")
    await _say(page, _HOSTILE)
    await page.wait_for_selector(".said.agent.done strong")
    assert await page.inner_text(".said.user .plain") == _HOSTILE
    assert "<script>window.hacked=1</script>" in await page.inner_text(".said.agent .prose")
    assert not await page.query_selector(".messages script, .messages iframe, .messages img")
    assert not await page.query_selector(".messages a")
    assert await page.inner_text(".code code") == "let a = '<b>';"
    assert not await page.evaluate("window.hacked")


async def test_stop_ends_writing_and_speech(page: Any) -> None:
    await page.goto("/")
    await _say(page, "Tell me a long story about the sea.")
    await page.wait_for_selector(".said.agent .prose p")
    await page.click("button[aria-label='Stop everything']")
    await page.wait_for_selector("button[aria-label=Send]")
    assert await page.query_selector(".said.agent.stopped, .said.agent.done")
    for _ in range(100):
        tasks = await page.evaluate("fetch('/v1/tasks?status=running').then((r) => r.json())")
        if not tasks["data"]:
            break
        await asyncio.sleep(0.05)
    assert tasks["data"] == []


async def test_a_message_is_edited_and_answered_again(page: Any) -> None:
    await _quiet(page)
    await _say(page, "Good morning!")
    await page.wait_for_selector(".said.agent.done")
    await page.click(".said.user button[aria-label=Edit]")
    await page.fill(".edit textarea", "Good evening!")
    await page.click("text=Send again")
    await page.wait_for_selector(".said.agent.done")
    assert await page.inner_text(".said.user .plain") == "Good evening!"
    await page.click("button[aria-label='Answer again']")
    await page.wait_for_selector(".said.agent.writing, .said.agent.done")
    await page.wait_for_selector(".said.agent.done")
    assert await page.locator(".said").count() == 2


async def test_conversations_are_kept_found_and_exported(page: Any) -> None:
    await _quiet(page)
    await _say(page, "My cat is called Lotus.")
    await page.wait_for_selector(".said.agent.done")
    await page.click("button[aria-label='Begin a new conversation']")
    await page.reload()
    await page.click("button[aria-label=Conversations]")
    await page.fill(".drawer input", "lotus")
    assert await page.locator(".drawer li").count() == 1
    async with page.expect_download() as download:
        await page.click(".drawer li button[aria-label^=Export]")
    assert "Lotus" in Path(await (await download.value).path()).read_text("utf-8")  # noqa: ASYNC240
    await page.fill(".drawer input", "elephant")
    assert await page.locator(".drawer li").count() == 0


async def test_a_restarted_server_answers_what_waited(page: Any, server: Any) -> None:
    await _quiet(page)
    await _say(page, "Good morning!")
    await page.wait_for_selector(".said.agent.done")
    await asyncio.to_thread(server.stop)
    await _say(page, "Are you there?")
    await page.wait_for_selector(".said.agent.waiting")
    assert "Reconnecting" in await page.inner_text(".link-state")
    await asyncio.to_thread(server.start)
    await page.wait_for_selector(".said.agent.done >> nth=1")
    assert await page.locator(".said.user").count() == 2
    assert "Connected" in await page.inner_text(".link-state")
