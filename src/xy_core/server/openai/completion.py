"""The reply of a chat as OpenAI's clients read it: whole, or in chunks."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from xy_core.core.task import TaskPriority
from xy_core.modules.llm import Completion as Reply
from xy_core.modules.llm import ToolCall, Usage
from xy_core.server.openai.chat_types import CallOfTool
from xy_core.server.streaming import data_event


class ReplyMessage(BaseModel):
    """What the model says, or what it wants called."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: list[CallOfTool] | None = None


class Choice(BaseModel):
    """One reply."""

    index: int
    message: ReplyMessage
    finish_reason: Literal["stop", "length", "tool_calls"]
    logprobs: None


class PromptDetails(BaseModel):
    """More about the prompt."""

    cached_tokens: int


class Cost(BaseModel):
    """What a reply cost, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class Completion(BaseModel):
    """The answer to a chat request that does not stream."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    service_tier: Literal["default", "flex"]
    usage: Cost | None


class CompletionWriter:
    """Gives the reply of one request its form."""

    def __init__(self, model: str, priority: TaskPriority) -> None:
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._model = model
        self._tier = tier_of(priority)
        # A stream sends this form hundreds of times; only the text changes.
        around = self._chunk({"content": "\0"}, None)
        before, _, after = json.dumps(around, separators=(",", ":")).partition(json.dumps("\0"))
        self._before, self._after = f"data: {before}", f"{after}\n\n"

    def first(self) -> bytes:
        """Return the chunk that says who speaks."""
        return data_event(self._chunk({"role": "assistant", "content": ""}, None))

    def piece(self, text: str) -> bytes:
        """Return a chunk with words."""
        return f"{self._before}{json.dumps(text)}{self._after}".encode()

    def calls(self, calls: Sequence[ToolCall]) -> bytes:
        """Return the chunk with all tool calls."""
        made = [{"index": index} | _call(call) for index, call in enumerate(calls)]
        return data_event(self._chunk({"tool_calls": made}, None))

    def last(self, finish_reason: str) -> bytes:
        """Return the chunk that says why the reply ends."""
        return data_event(self._chunk({}, finish_reason))

    def cost(self, usage: Usage | None) -> bytes:
        """Return the chunk that says what the reply cost."""
        return data_event(self._chunk({}, None) | {"choices": [], "usage": _cost(usage)})

    def whole(self, reply: Reply) -> dict[str, Any]:
        """Return the reply in one."""
        message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
        if reply.tool_calls:
            message["content"] = reply.text or None
            message["tool_calls"] = [_call(call) for call in reply.tool_calls]
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": reply.finish_reason,
            "logprobs": None,
        }
        return {
            "id": self._id,
            "object": "chat.completion",
            "created": self._created,
            "model": self._model,
            "choices": [choice],
            "service_tier": self._tier,
            "usage": _cost(reply.usage),
        }

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "choices": [choice],
        }


def tier_of(priority: TaskPriority) -> str:
    """Return OpenAI's name for how urgent a request was taken to be."""
    return "flex" if priority is TaskPriority.LOW else "default"


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _cost(usage: Usage | None) -> dict[str, Any] | None:
    """Return the figures; None if the engine does not tell them."""
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
