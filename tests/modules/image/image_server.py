"""A server on a real socket that speaks OpenAI's and A1111's image APIs, well and badly."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


def picture(width: int, height: int, colour: str = "teal") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(content, "PNG")
    return content.getvalue()


@dataclass
class ImageServer:
    """What was asked, and how it answers: well, or in the way that `mood` says."""

    mood: str = "well"
    port: int = 0
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    waiting: threading.Event = field(default_factory=threading.Event)

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        body = await self._read(request)
        self.asked.append((path, body))
        if (refused := await self._badly()) is not None:
            return refused
        count = int(body.get("n") or body.get("batch_size") or 1)
        width, height = self._size(body)
        images = [self._encoded(picture(width, height)) for _ in range(count)]
        if path.startswith("/sdapi"):
            seeds = [int(body["seed"]) + i for i in range(count)]
            return JSONResponse({"images": images, "info": json.dumps({"all_seeds": seeds})})
        return JSONResponse({"created": 1, "data": [{"b64_json": one} for one in images]})

    async def _read(self, request: Request) -> dict[str, Any]:
        if request.headers["content-type"].startswith("application/json"):
            return json.loads(await request.body())
        async with request.form() as form:
            return {
                name: value if isinstance(value, str) else await value.read()
                for name, value in form.multi_items()
            }

    def _size(self, body: dict[str, Any]) -> tuple[int, int]:
        if self.mood == "huge":
            return 9_000, 9_000
        if "size" in body:
            width, height = body["size"].split("x")
            return int(width), int(height)
        return body["width"], body["height"]

    def _encoded(self, content: bytes) -> str:
        if self.mood == "no picture":
            content = b"just some words"
        if self.mood == "truncated picture":
            content = content[: len(content) // 2]
        text = base64.b64encode(content).decode()
        return text[:-3] if self.mood == "truncated base64" else text

    async def _badly(self) -> Response | None:
        if self.mood == "slow":
            self.waiting.set()
            await asyncio.sleep(60)
        bad: dict[str, Response] = {
            "error": JSONResponse({"error": {"message": "the card is on fire"}}, 400),
            "no key": JSONResponse({"error": {"message": "who are you?"}}, 401),
            "html": PlainTextResponse("<html>Welcome</html>"),
            "list": JSONResponse([1, 2]),
            "nothing": JSONResponse({"images": [], "data": []}),
            "odd": JSONResponse({"images": [7], "data": [{"b64_json": 7}], "info": "{"}),
            "oversized": PlainTextResponse("x" * 3_000_000),
        }
        return bad.get(self.mood)


@contextlib.contextmanager
def serving() -> Iterator[ImageServer]:
    """Run a server in a thread of its own until the end of the block."""
    state = ImageServer()
    paths = ("/v1/images/generations", "/v1/images/edits", "/sdapi/v1/txt2img", "/sdapi/v1/img2img")
    app = Starlette(routes=[Route(path, state.answer, methods=["POST"]) for path in paths])
    config = uvicorn.Config(
        app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=0
    )
    server = uvicorn.Server(config)
    ready = threading.Event()

    async def run() -> None:
        task = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110 - the library has no event for it
            await asyncio.sleep(0.005)
        state.port = server.servers[0].sockets[0].getsockname()[1]
        ready.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield state
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
