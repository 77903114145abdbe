"""Replies as a stream of pieces: of a bare model, or of the whole agent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from xy_core.agent import ReplyToken, TurnFailed, UserInput
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import LLMService, Message
from xy_core.runtime import Runtime

STOP, LENGTH = "stop", "length"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a reply.

    Attributes:
        text: what comes next.
        finish_reason: why the reply ends, in its last piece.
    """

    text: str
    finish_reason: str | None = None


async def write(
    runtime: Runtime,
    messages: Sequence[Message],
    *,
    language: str,
    priority: TaskPriority,
    key: str,
) -> AsyncGenerator[Piece, None]:
    """Let a model reply; closing it stops the model."""
    llm = runtime.engine.module(LLMService)
    async with llm.generate(messages, language=language, priority=priority, key=key) as deltas:
        async for delta in deltas:
            yield Piece(delta.text, delta.finish_reason)


async def answer(runtime: Runtime, user_input: UserInput) -> AsyncGenerator[Piece, None]:
    """Let the agent reply, in writing only; closing it stops the turn."""
    agent = runtime.agent.answering(speak=False)
    async with aclosing(agent.respond(user_input)) as events:
        async for event in events:
            if isinstance(event, ReplyToken):
                yield Piece(event.text)
            elif isinstance(event, TurnFailed):
                raise event.error
    yield Piece("", STOP)


async def whole(pieces: AsyncGenerator[Piece, None]) -> tuple[str, str]:
    """Return a reply's text and why it ended, once it is there."""
    text, finish_reason = "", STOP
    async with aclosing(pieces):
        async for piece in pieces:
            text += piece.text
            finish_reason = piece.finish_reason or finish_reason
    return text, finish_reason


async def bounded(
    pieces: AsyncGenerator[Piece, None], limit: int | None, stops: Sequence[str]
) -> AsyncGenerator[Piece, None]:
    """End a reply before a text that stops it, or after a number of pieces.

    A model's pieces are its tokens. What could be the beginning of a stop is held back until it is
    clear that it is not.
    """
    held, count = "", 0
    async with aclosing(pieces):
        async for piece in pieces:
            count += bool(piece.text)
            held += piece.text
            cut = min((at for stop in stops if (at := held.find(stop)) >= 0), default=-1)
            if cut >= 0:
                yield Piece(held[:cut], STOP)
                return
            if piece.finish_reason is not None:
                yield Piece(held, piece.finish_reason)
                return
            if limit is not None and count >= limit:
                yield Piece(held, LENGTH)
                return
            keep = max((_overlap(held, stop) for stop in stops), default=0)
            if len(held) > keep:
                yield Piece(held[: len(held) - keep])
                held = held[len(held) - keep :]
    if held:
        yield Piece(held, STOP)


def _overlap(text: str, stop: str) -> int:
    """Return how many last characters of a text could begin the stop."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
