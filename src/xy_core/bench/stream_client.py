"""A client that measures streamed chats, in a process of its own.

It shares no interpreter with the server that it measures. Orders come as lines of JSON on standard
input, and each is answered by a line on standard output; so it does nothing while another server
has its turn.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import httpx

_LONGEST_ORDER = 1 << 24
_TIMEOUT = 600.0
"""Seconds without a byte, as in OpenAI's own client: of 200 clients most wait for their turn."""
_REFUSED = 429


@dataclass(frozen=True, slots=True)
class Target:
    """A server that is asked.

    Attributes:
        url: of its chat endpoint.
        headers: that let us in.
        extra: what its requests say beside the conversation.
    """

    url: str
    headers: Mapping[str, str]
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """Replies to all clients at once: mean seconds to the first token, tokens a second.

    The mean, since the engine reads the prompts that come together in one or two batches: a median
    would jump from the one to the other.
    """

    first: float
    rate: float


@dataclass(slots=True)
class Load:
    """What became of a time under load.

    Attributes:
        replies: that came to their end.
        tokens: of them, as pieces of the streams.
        refused: requests that were answered with 429.
        errors: everything else that went wrong, by what it was.
        firsts: seconds to the first tokens, the middle one and the 95th of a hundred.
    """

    replies: int
    tokens: int
    refused: int
    errors: dict[str, int]
    firsts: tuple[float, float] | None


class StreamClient:
    """The process, as the one who gives its orders sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def round(self, target: Target, prompts: Sequence[str]) -> Round:
        """Send all prompts at once.

        Raises:
            RuntimeError: the server refused one, or sent no reply.
        """
        found = await self._order({"round": {"target": asdict(target), "prompts": list(prompts)}})
        return Round(**found)

    async def load(self, target: Target, clients: int, seconds: float) -> Load:
        """Keep so many clients asking, one request after the other, for some seconds."""
        order = {"target": asdict(target), "clients": clients, "seconds": seconds}
        return Load(**await self._order({"load": order}))

    async def _order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the measuring client has no pipes")
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError("the measuring client has died: see what it printed above")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer


@asynccontextmanager
async def stream_client() -> AsyncIterator[StreamClient]:
    """Run the client's process for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LONGEST_ORDER,
    )
    try:
        yield StreamClient(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


# -- inside the process --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Streamed:
    """One reply: seconds to its first token, pieces, and seconds from the first to the last."""

    first: float
    pieces: int
    rest: float


async def _serve_orders() -> None:
    loop = asyncio.get_running_loop()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, trust_env=False) as client:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            (kind, order), *_ = json.loads(line).items()
            order["target"] = Target(**order["target"])
            work = _round if kind == "round" else _load
            try:
                answer = asdict(await work(client, **order))
            except Exception as error:  # noqa: BLE001 - told to whoever gave the order
                answer = {"failed": f"{order['target'].url}: {_first(error)!r}"}
            print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


async def _round(client: httpx.AsyncClient, target: Target, prompts: Sequence[str]) -> Round:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_stream(client, target, prompt)) for prompt in prompts]
    replies = [task.result() for task in tasks]
    return Round(
        statistics.fmean(reply.first for reply in replies),
        sum(reply.pieces / reply.rest for reply in replies),
    )


async def _load(client: httpx.AsyncClient, target: Target, clients: int, seconds: float) -> Load:
    found = Load(0, 0, 0, {}, None)
    firsts: list[float] = []
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def ask(number: int) -> None:
        turn = 0
        while loop.time() < end:
            turn += 1
            try:
                reply = await _stream(client, target, f"Story {number}-{turn}: tell me of the sea.")
            except _RefusedError as refusal:
                if refusal.status == _REFUSED:
                    found.refused += 1
                    await asyncio.sleep(1)
                else:
                    found.errors[str(refusal)] = found.errors.get(str(refusal), 0) + 1
            except httpx.HTTPError as error:
                name = type(error).__name__
                found.errors[name] = found.errors.get(name, 0) + 1
            else:
                found.replies += 1
                found.tokens += reply.pieces + 1
                firsts.append(reply.first)

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(ask(number))
    if len(firsts) > 1:
        parts = statistics.quantiles(firsts, n=20, method="inclusive")
        found.firsts = (parts[9], parts[18])
    return found


class _RefusedError(Exception):
    """A server did not reply."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


async def _stream(client: httpx.AsyncClient, target: Target, prompt: str) -> _Streamed:
    body = {"messages": [{"role": "user", "content": prompt}], "stream": True, **target.extra}
    started = time.perf_counter()
    async with client.stream("POST", target.url, json=body, headers=target.headers) as answer:
        if not answer.is_success:
            text = (await answer.aread()).decode(errors="replace")[:200]
            raise _RefusedError(answer.status_code, text)
        lines = [(time.perf_counter(), line) async for line in answer.aiter_lines()]
    # Read only now: what reading costs must not slow down the stream that is measured.
    times = [moment for moment, line in lines if _has_words(line)]
    if len(times) < 2:  # noqa: PLR2004 - a rate needs two
        said = "".join(line for _, line in lines)[-200:]
        raise _RefusedError(answer.status_code, f"no reply, but {said}")
    return _Streamed(times[0] - started, len(times) - 1, times[-1] - times[0])


def _has_words(line: str) -> bool:
    if not line.startswith("data: {"):
        return False
    choices = json.loads(line.removeprefix("data: ")).get("choices")
    return bool(choices and choices[0]["delta"].get("content"))


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    asyncio.run(_serve_orders())
