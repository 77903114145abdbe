"""One server of the Model Context Protocol: started, listened to, and started again if it dies."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog

from xy_core.agent.config import McpServerConfig
from xy_core.core.backoff import full_jitter
from xy_core.core.errors import MissingExtraError, RemoteError, TaskTimeout, first_error
from xy_core.modules.llm import Tool

log = structlog.get_logger("agent.mcp")

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_LOOK = 15.0
"""Seconds between two looks at whether an idle server still answers."""
_MOST_PAGES = 20
"""Of a list of tools: one that never ends must not keep us."""


class McpServer:
    """A server, kept by the task that runs `run`.

    Attributes:
        tools: what it offers now, under its own names; nothing while it is away.

    Raises:
        MissingExtraError: the protocol's library is not installed.
    """

    def __init__(self, name: str, config: McpServerConfig) -> None:
        try:
            import mcp  # noqa: F401, PLC0415 - optional, and heavy
        except ImportError as error:
            raise MissingExtraError("mcp", "mcp") from error
        self.tools: Sequence[Tool] = ()
        self._name = name
        self._config = config
        self._client: Any = None
        self._lost = asyncio.Event()

    async def run(self) -> None:
        """Keep the server running until cancelled."""
        failures = 0
        while True:
            try:
                async with AsyncExitStack() as stack:
                    async with asyncio.timeout(self._config.timeout):
                        client = await stack.enter_async_context(self._made())
                        self.tools = await self._listed(client)
                    failures, self._client = 0, client
                    self._lost.clear()
                    await self._until_lost(client)
            except Exception as error:  # noqa: BLE001 - another's program may fail in any way
                log.warning("an MCP server is away", server=self._name, error=_short(error))
            finally:
                self.tools, self._client = (), None
            failures += 1
            await asyncio.sleep(full_jitter(failures, _FIRST_PAUSE, _LONGEST_PAUSE))

    async def call(self, tool: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        """Call a tool; returns its result in words, and whether it is an error that it tells of.

        Raises:
            RemoteError: the server is away, or refuses.
            TaskTimeout: it did not answer in time.
        """
        from mcp import MCPError  # noqa: PLC0415 - optional

        client, limit = self._client, self._config.timeout
        if client is None:
            raise RemoteError(f"the MCP server {self._name!r} is away: try again later")
        try:
            async with asyncio.timeout(limit):
                result = await client.call_tool(tool, arguments)
        except TimeoutError:
            raise TaskTimeout(f"the tool did not answer within {limit:g} s") from None
        except MCPError as error:
            self._lost.set()  # looked at again, and started again if it does not answer
            raise RemoteError(f"the MCP server {self._name!r}: {error}") from None
        except Exception as error:  # noqa: BLE001 - its transport's errors are of several libraries
            self._lost.set()
            raise RemoteError(f"the MCP server {self._name!r} broke off: {_short(error)}") from None
        return _words(result), bool(result.is_error)

    def _made(self) -> Any:  # noqa: ANN401 - the library is optional
        from mcp import Client, StdioServerParameters  # noqa: PLC0415 - optional

        config = self._config
        if config.command:
            return Client(
                StdioServerParameters(
                    command=config.command, args=list(config.args), env=config.env or None
                )
            )
        token = os.environ.get(config.token_env, "") if config.token_env else ""
        if not token:
            return Client(config.url)
        import httpx2  # noqa: PLC0415 - comes with mcp
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

        bearing = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {token}"}, timeout=config.timeout
        )
        return Client(streamable_http_client(config.url, http_client=bearing))

    async def _listed(self, client: Any) -> list[Tool]:  # noqa: ANN401 - the library is optional
        found: list[Tool] = []
        cursor = None
        for _ in range(_MOST_PAGES):
            page = await client.list_tools(cursor=cursor, cache_mode="refresh")
            found += [
                Tool(tool.name, tool.description or "", tool.input_schema)
                for tool in page.tools
                if not self._config.tools or tool.name in self._config.tools
            ]
            cursor = page.next_cursor
            if not cursor:
                break
        return found

    async def _until_lost(self, client: Any) -> None:  # noqa: ANN401 - the library is optional
        """Return when the server does not answer any more."""
        while True:
            try:
                async with asyncio.timeout(_LOOK):
                    await self._lost.wait()
            except TimeoutError:
                pass
            self._lost.clear()
            async with asyncio.timeout(self._config.timeout):
                self.tools = await self._listed(client)


def _words(result: Any) -> str:  # noqa: ANN401 - the library is optional
    """Return what a model can read of a result."""
    words = [part.text if part.type == "text" else f"({part.type})" for part in result.content]
    if not words and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(words)


def _short(error: BaseException) -> str:
    first = first_error(error)
    return f"{type(first).__name__}: {first}"[:200]
