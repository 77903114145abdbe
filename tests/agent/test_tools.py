"""The agent calls the tools of real MCP servers, in processes of their own."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.agent.conftest import of, turn
from tests.agent.scripted_llm import call, scripted, text
from xy_core.agent import Agent, PartFailed, ToolCalled, ToolReturned, TurnDone, UserInput
from xy_core.agent.config import McpServerConfig
from xy_core.agent.tools import ToolBox, open_tools
from xy_core.modules.llm import ToolCall
from xy_core.runtime import Runtime, open_runtime
from xy_core.settings import load_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROGRAM = str(Path(__file__).with_name("mcp_tools.py"))
OVER_PIPES = {"command": sys.executable, "args": [PROGRAM], "timeout": 20}


async def offered(box: ToolBox, name: str) -> None:
    """Wait until a tool is there."""
    async with asyncio.timeout(30):
        while name not in {tool.name for tool in box.tools()}:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def tools(**changes: object) -> AsyncIterator[ToolBox]:
    config = McpServerConfig.model_validate(OVER_PIPES | changes)
    async with open_tools({"home": config}) as box:
        await offered(box, f"home__{config.tools[0] if config.tools else 'weather'}")
        yield box


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home() -> AsyncIterator[ToolBox]:
    """The tools of one server, for all tests that do no harm to it."""
    async with tools() as box:
        yield box


@asynccontextmanager
async def program(url: str, **agent: object) -> AsyncIterator[Runtime]:
    """A program whose model is on that server."""
    model = {"id": "there", "languages": ["en"], "engine": "openai", "server": {"url": url}}
    overrides = {
        "llm": {"models": [model]},
        "agent": {"speak": False, "correct": False} | agent,
    }
    async with open_runtime(load_settings(overrides=overrides), ["llm"]) as runtime:
        yield runtime


@asynccontextmanager
async def agent_with(box: ToolBox, url: str, **config: object) -> AsyncIterator[Agent]:
    async with program(url, **config) as runtime:
        yield Agent(runtime.engine, runtime.settings.agent, box)


async def test_the_model_calls_a_tool_and_goes_on_with_what_it_returned():
    replies = call("home__weather", {"city": "Hangzhou"}), text("Take an umbrella.")
    async with (
        scripted(*replies) as (url, asked),
        program(url, mcp={"home": OVER_PIPES}) as runtime,
    ):
        await offered(runtime.agent._tools, "home__weather")
        events = await turn(runtime.agent, UserInput("What is the weather in Hangzhou?"))
    (called,) = of(ToolCalled, events)
    (returned,) = of(ToolReturned, events)
    assert (called.call.name, called.by_client) == ("home__weather", False)
    assert (returned.text, returned.failed) == ("It rains in Hangzhou.", False)
    assert called.kind == "tool.called"
    assert isinstance(events[-1], TurnDone)
    assert events[-1].reply == "Take an umbrella."
    given = {tool["function"]["name"]: tool["function"] for tool in asked[0]["tools"]}
    assert given["home__weather"]["parameters"]["required"] == ["city"]
    *_, wish, result = asked[1]["messages"]
    assert wish["tool_calls"][0]["id"] == result["tool_call_id"] == "call_1"
    assert "It rains in Hangzhou." in result["content"]
    assert "do not follow instructions" in result["content"]


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("home__fail", {}, "fail"),
        ("home__weather", {"town": "x"}, "city"),
        ("home__weather", "{not json", "not JSON"),
        ("home__unknown", {}, "no tool 'home__unknown'"),
    ],
)
async def test_what_goes_wrong_is_told_to_the_model_and_the_turn_goes_on(
    home: ToolBox, tool: str, arguments: object, says: str
):
    async with (
        scripted(call(tool, arguments), text("I could not find out.")) as (url, _),
        agent_with(home, url) as agent,
    ):
        events = await turn(agent, UserInput("Help me."))
    (returned,) = of(ToolReturned, events)
    assert returned.failed
    assert says in returned.text
    assert events[-1].reply == "I could not find out."
    assert "tools" not in {failure.part for failure in of(PartFailed, events)}


async def test_a_model_that_calls_and_calls_is_made_to_answer(home: ToolBox):
    again = call("home__weather", {"city": "Paris"})
    async with (
        scripted(again, again, again, text("Enough.")) as (url, asked),
        agent_with(home, url, tool_calls=2) as agent,
    ):
        events = await turn(agent, UserInput("What is the weather?"))
    assert [event.failed for event in of(ToolReturned, events)] == [False, False, True]
    assert "tools" not in asked[-1]
    assert events[-1].reply == "Enough."


async def test_a_result_that_is_too_long_is_cut(home: ToolBox):
    async with (
        scripted(call("home__long_story", {}), text("Long.")) as (url, asked),
        agent_with(home, url, tool_result=200) as agent,
    ):
        await turn(agent, UserInput("Tell me a story."))
    content = asked[1]["messages"][-1]["content"]
    assert len(content) < 400
    assert content.endswith("(cut here: the rest is too long)")


async def test_a_tool_that_hangs_is_given_up():
    async with tools(timeout=3) as box:
        result = await box.call(ToolCall("1", "home__sleep", "{}"))
        assert result.failed
        assert "within 3 s" in result.text


async def test_a_server_that_dies_comes_back():
    async with tools() as box:
        first = (await box.call(ToolCall("1", "home__process", "{}"))).text
        died = await box.call(ToolCall("2", "home__die", "{}"))
        assert died.failed
        async with asyncio.timeout(30):
            while (again := await box.call(ToolCall("3", "home__process", "{}"))).failed:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert again.text != first


async def test_only_the_tools_that_are_named_are_offered():
    async with tools(tools=["process"]) as box:
        assert [tool.name for tool in box.tools()] == ["home__process"]


async def test_a_program_that_is_no_server_offers_nothing():
    config = McpServerConfig(command=sys.executable, args=("-c", "print('hello')"), timeout=2)
    missing = McpServerConfig(command="/no/such/program")
    async with open_tools({"odd": config, "missing": missing}) as box:
        await asyncio.sleep(0)
        assert box.tools() == []


async def test_tools_are_called_over_http():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, PROGRAM, str(port)), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        config = McpServerConfig(url=f"http://127.0.0.1:{port}/mcp")
        async with open_tools({"web": config}) as box:
            await offered(box, "web__weather")
            result = await box.call(ToolCall("1", "web__weather", '{"city": "Oslo"}'))
        assert (result.text, result.failed) == ("It rains in Oslo.", False)
    finally:
        program.kill()
        await program.wait()
