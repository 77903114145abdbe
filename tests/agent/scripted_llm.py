"""A server that speaks OpenAI's protocol over a real socket, and says what a test wants.

Models that are small enough for tests cannot decide to call a tool; what is tested here is what
becomes of a call.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


def text(words: str) -> list[dict[str, Any]]:
    """The chunks of a reply in words."""
    return [
        {"choices": [{"index": 0, "delta": {"content": words}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]


def call(name: str, arguments: object, call_id: str = "call_1") -> list[dict[str, Any]]:
    """The chunks of a tool call."""
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": name, "arguments": written}
    wanted = [{"index": 0, "id": call_id, "type": "function", "function": function}]
    return [
        {"choices": [{"index": 0, "delta": {"tool_calls": wanted}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]


@asynccontextmanager
async def scripted(*replies: list[dict[str, Any]]) -> AsyncIterator[tuple[str, list[Any]]]:
    """Answer one request after the other; yields the address, and the requests as they come.

    The last reply is given again to whoever asks more often.
    """
    asked: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(re.search(r"content-length: (\d+)", head, re.IGNORECASE)[1])
        asked.append(json.loads(await reader.readexactly(length)))
        reply = replies[min(len(asked), len(replies)) - 1]
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        )
        for chunk in [*map(json.dumps, reply), "[DONE]"]:
            writer.write(f"data: {chunk}\n\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", asked
