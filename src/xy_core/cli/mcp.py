"""``xy-core mcp``: the agent's abilities as tools, over standard input and output."""

from __future__ import annotations

import asyncio

from xy_core.core.errors import MissingExtraError
from xy_core.runtime import open_runtime
from xy_core.settings import Settings


def run_mcp(settings: Settings) -> None:
    """Serve until the client closes standard input, or until Ctrl-C or SIGTERM.

    Raises:
        MissingExtraError: the protocol's library is not installed.
    """
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    try:
        from xy_core.server.mcp.tools import make_server  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "mcp", "mcp") from error
    async with open_runtime(settings) as runtime:
        await make_server(runtime).run_stdio_async()
