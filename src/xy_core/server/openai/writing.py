"""Replies as a stream of pieces: of a bare model, or of the whole agent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from xy_core.agent import Heard, ReplyToken, TurnDone, TurnFailed, UserInput
from xy_core.core.errors import XyCoreError
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import Completion, Delta, LLMService, Message, Usage
from xy_core.runtime import Runtime
from xy_core.server.openai.asked import Asked

STOP, LENGTH = "stop", "length"


async def write(
    runtime: Runtime, asked: Asked, *, model: str, priority: TaskPriority, key: str
) -> AsyncGenerator[Delta, None]:
    """Let a model reply; closing it stops the model."""
    llm = runtime.engine.module(LLMService)
    async with llm.generate(
        asked.messages,
        model=model,
        sampling=asked.sampling,
        tools=asked.tools,
        tool_choice=asked.tool_choice,
        schema=asked.schema,
        priority=priority,
        key=key,
    ) as deltas:
        async for delta in deltas:
            yield delta if asked.several_calls else _with_one_call(delta)


async def answer(runtime: Runtime, user_input: UserInput) -> AsyncGenerator[Delta, None]:
    """Let the agent reply, in writing only; closing it stops the turn.

    The last piece says what the exchange amounts to: the tokens of the user's words, typed and
    spoken, and of the reply, counted by the model that writes. What the agent reads and thinks
    besides is not in it.
    """
    agent = runtime.agent.answering(speak=False)
    usage: Usage | None = None
    said = user_input.text
    async with aclosing(agent.respond(user_input)) as events:
        async for event in events:
            match event:
                case Heard(transcript):
                    said = f"{said} {transcript.text}".strip()
                case ReplyToken():
                    yield Delta(event.text)
                case TurnDone():
                    usage = await _exchanged(runtime, said, event)
                case TurnFailed():
                    raise event.error
    yield Delta("", STOP, usage=usage)


async def whole(pieces: AsyncGenerator[Delta, None]) -> Completion:
    """Return a reply once all of it is there."""
    async with aclosing(pieces):
        return Completion.of([piece async for piece in pieces])


async def _exchanged(runtime: Runtime, said: str, done: TurnDone) -> Usage | None:
    asked = [Message("user", said)]
    replied = [*asked, Message("assistant", done.reply)]
    try:
        llm = runtime.engine.module(LLMService)
        before = await llm.count_tokens(asked, language=done.language)
        after = await llm.count_tokens(replied, language=done.language)
    except XyCoreError:
        return None  # the reply is there: what it cost is no reason to lose it
    return Usage(before, max(0, after - before))


def _with_one_call(delta: Delta) -> Delta:
    return replace(delta, tool_calls=delta.tool_calls[:1])
