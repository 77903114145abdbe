"""The tools by the protocol's own client, and the real program over standard input and output."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from xy_core.models import ModelStore
from xy_core.runtime import Runtime
from xy_core.server.mcp.tools import make_server

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]


def tools(runtime: Runtime) -> Client:
    """A client of the tools; a fixture could not leave it in the task that entered it."""
    return Client(make_server(runtime))


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


async def call(client: Client, tool: str, **arguments: object) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def mistake(client: Client, tool: str, **arguments: object) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    text: str = result.content[0].text
    return text


async def test_every_tool_says_what_it_does(runtime: Runtime):
    async with tools(runtime) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(listed) == {
            "look_at_picture",
            "transcribe",
            "speak",
            "read_emotion",
            "remember",
            "recall",
            "mood_of",
        }
        assert all(tool.description for tool in listed.values())


async def test_a_picture_is_read(runtime: Runtime, samples: Path):
    async with tools(runtime) as client:
        seen = await call(client, "look_at_picture", picture=encoded(samples / "sign.png"))
        assert {line["text"] for line in seen["lines"]} >= {
            "Welcome to the tea house",
            "欢迎光临茶馆",
        }


async def test_what_is_said_is_heard_again(runtime: Runtime):
    async with tools(runtime) as client:
        spoken = await client.call_tool(
            "speak", {"text": "Good morning, my friend.", "emotion": "joy"}
        )
        (audio,) = spoken.content
        assert audio.mime_type == "audio/wav"
        heard = await call(client, "transcribe", recording=audio.data)
        assert "morning" in heard["text"].lower()


async def test_emotion_is_read_and_facts_are_recalled(runtime: Runtime):
    async with tools(runtime) as client:
        assert (await call(client, "read_emotion", text="My dog died."))["top"] == "sadness"
        await call(client, "remember", text="Lin has a cat named Momo.", person="lin")
        (found,) = (await call(client, "recall", query="the cat", person="lin"))["result"]
        assert found["text"] == "Lin has a cat named Momo."
        assert (await call(client, "recall", query="the cat", person="other"))["result"] == []
        assert "valence" in await call(client, "mood_of", person="lin")


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("look_at_picture", {"picture": "!!!"}, "base64"),
        ("look_at_picture", {"picture": base64.b64encode(b"no picture").decode()}, "picture"),
        ("transcribe", {"recording": base64.b64encode(b"RIFF").decode()}, "audio"),
        ("speak", {"text": "Hello", "emotion": "boredom"}, "boredom"),
        ("speak", {"text": "🙂"}, "nothing"),
        ("remember", {"text": "x", "person": " "}, "name"),
        ("recall", {"query": "x", "limit": 0}, "limit"),
        ("read_emotion", {}, "text"),
    ],
)
async def test_a_mistake_is_told_to_the_model(
    runtime: Runtime, tool: str, arguments: dict[str, object], says: str
):
    async with tools(runtime) as client:
        assert says in await mistake(client, tool, **arguments)


async def test_the_program_speaks_it_over_standard_input_and_output(
    model_store: ModelStore, tmp_path: Path
):
    settings = {
        "XY_MODELS__ROOT": str(model_store.root),
        "XY_MEMORY__PATH": str(tmp_path / "memory.db"),
        "XY_MODULES": '["emotion"]',
    }
    program = StdioServerParameters(
        command=str(Path(sys.executable).with_name("xy-core")), args=["mcp"], env=settings
    )
    async with Client(program) as client:
        read = await call(client, "read_emotion", text="我今天太开心了！")
        assert read["top"] == "joy"
        assert "memory" in await mistake(client, "recall", query="anything")
