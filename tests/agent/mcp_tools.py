"""A program that offers tools by the Model Context Protocol, over its pipes or over HTTP."""

from __future__ import annotations

import asyncio
import os
import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("tests")


@server.tool()
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


@server.tool()
def long_story() -> str:
    """Tell a story that does not end."""
    return "once upon a time " * 10_000


@server.tool()
async def sleep() -> str:
    """Take a minute."""
    await asyncio.sleep(60)
    return "awake"


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("the tool is broken")


@server.tool()
def die() -> str:
    """Take the whole program down."""
    os._exit(1)


@server.tool()
def process() -> str:
    """Tell the number of the process."""
    return str(os.getpid())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")
