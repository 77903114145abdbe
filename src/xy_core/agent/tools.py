"""The tools of MCP servers, as the agent calls them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from xy_core.agent.config import McpServerConfig
from xy_core.agent.mcp_server import McpServer
from xy_core.core.errors import InputError, XyCoreError
from xy_core.modules.llm import Message, Tool, ToolCall
from xy_core.modules.llm.limits import check_arguments, check_request
from xy_core.modules.llm.types import Request

log = structlog.get_logger("agent.tools")

_MOST_TOOLS = 64
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call brought: words for the model to read, and whether they tell of a failure."""

    text: str
    failed: bool = False


class ToolBox:
    """What all servers offer. A server that is away offers nothing, and comes back by itself.

    Args:
        servers: by name.
    """

    def __init__(self, servers: Mapping[str, McpServer]) -> None:
        self._servers = servers

    def tools(self) -> list[Tool]:
        """Return what can be called now; names begin with their server's."""
        found = [
            Tool(_name(server, tool.name), tool.description, tool.parameters)
            for server, running in self._servers.items()
            for tool in running.tools
        ]
        return list({tool.name: tool for tool in found if _usable(tool)}.values())[:_MOST_TOOLS]

    async def call(self, call: ToolCall) -> ToolResult:
        """Call a tool; whatever goes wrong is told in the result."""
        for server, running in self._servers.items():
            for tool in running.tools:
                if _name(server, tool.name) == call.name:
                    return await _called(running, tool.name, call)
        return ToolResult(f"there is no tool {call.name!r} now", failed=True)


@asynccontextmanager
async def open_tools(configs: Mapping[str, McpServerConfig]) -> AsyncIterator[ToolBox]:
    """Keep the servers running for the length of the block; none of them delays its beginning.

    Raises:
        MissingExtraError: there is a server, but the protocol's library is not installed.
    """
    servers = {name: McpServer(name, config) for name, config in configs.items()}
    tasks = [
        asyncio.create_task(server.run(), name=f"mcp.{name}") for name, server in servers.items()
    ]
    try:
        yield ToolBox(servers)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _called(server: McpServer, tool: str, call: ToolCall) -> ToolResult:
    try:
        text, failed = await server.call(tool, check_arguments(call.name, call.arguments))
    except XyCoreError as error:
        return ToolResult(str(error), failed=True)
    return ToolResult(text, failed)


def _name(server: str, tool: str) -> str:
    return _NOT_IN_NAMES.sub("_", f"{server}__{tool}")[:_LONGEST_NAME]


def _usable(tool: Tool) -> bool:
    """Whether a model can be given it: what a server sends is not ours, and may be anything."""
    try:
        check_request(Request((Message("user", ""),), tools=(tool,)))
    except InputError as error:
        log.info("a tool is left out", tool=tool.name, error=str(error))
        return False
    return True
