"""What goes into a language model and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

ToolChoice = str
"""``auto``, ``none``, ``required``, or the name of the tool that must be called."""

Embeddings = NDArray[np.float32]
"""Shape ``(texts, width)``; each row has length 1."""

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish that a tool be called.

    Attributes:
        id: names the call, so that its result can be told from others'.
        name: of the tool.
        arguments: JSON of an object, as the model wrote it.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: who says it: ``system``, ``user``, ``assistant`` or ``tool``.
        content: what is said; a tool's result if the role is ``tool``.
        tool_calls: the calls that the assistant wished for.
        tool_call_id: the call that a tool's result answers.
    """

    role: str
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for.

    Attributes:
        name: letters, digits, ``_`` and ``-``.
        description: what it does, for the model to read.
        parameters: JSON schema of its arguments, an object.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen; the module's settings count where nothing is given.

    Attributes:
        max_tokens: the longest reply.
        temperature: 0 always takes the likeliest token.
        top_p: only the likeliest tokens that together have this probability.
        top_k: only so many of the likeliest tokens.
        min_p: only tokens at least so likely, relative to the likeliest.
        repeat_penalty: above 1 discourages tokens that were there before.
        presence_penalty: discourages tokens that were written, however often.
        frequency_penalty: discourages tokens the more the oftener they were written.
        seed: the same request with the same seed is answered the same.
        stop: texts before which the reply ends.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """All that a model is asked.

    Attributes:
        messages: the conversation; the last message is the one to answer or, if it is the
            assistant's, the beginning of the reply, from which it goes on.
        sampling: how tokens are chosen.
        tools: what the model may ask for.
        tool_choice: whether it may, must not or must.
        schema: JSON schema that the reply has to follow; None for free text.
        conversation: whose prompt is kept in the engine's cache; empty for nobody's.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    schema: Mapping[str, Any] | None = None
    conversation: str = ""

    def with_messages(self, messages: tuple[Message, ...]) -> Request:
        """Return the same request about other messages."""
        return replace(self, messages=messages)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost.

    Attributes:
        prompt_tokens: read, from the cache or anew.
        completion_tokens: written.
        cached_tokens: those of the prompt that were in the cache.
        tokens_per_second: written; 0 if the engine does not tell.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    tokens_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply as it is being written.

    Attributes:
        text: what comes next; may be empty in the last piece.
        finish_reason: ``stop``, ``length`` or ``tool_calls`` in the last piece, None before it.
        tool_calls: all calls that the model wishes for, whole, in the last piece.
        usage: in the last piece, if the engine tells.
    """

    text: str
    finish_reason: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole reply; see `Delta` for its parts."""

    text: str
    finish_reason: str
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None

    @classmethod
    def of(cls, deltas: list[Delta]) -> Completion:
        """Join the pieces of a reply."""
        last = deltas[-1] if deltas else Delta("", "stop")
        text = "".join(delta.text for delta in deltas)
        return cls(text, last.finish_reason or "stop", last.tool_calls, last.usage)
