"""The answer to a request for a response, as OpenAI's document has it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, JsonValue

from xy_core.modules.llm import ToolCall, Usage


class OutputText(BaseModel):
    """Words of the reply."""

    type: Literal["output_text"]
    text: str
    annotations: list[JsonValue]
    logprobs: list[JsonValue]


class OutputMessage(BaseModel):
    """The reply."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: Literal["in_progress", "completed", "incomplete"]
    content: list[OutputText]


class OutputCall(BaseModel):
    """The model's wish that a function be called."""

    id: str
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    status: Literal["in_progress", "completed", "incomplete"]


class InputDetails(BaseModel):
    """More about what was read."""

    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(BaseModel):
    """More about what was written."""

    reasoning_tokens: int


class ResponseCost(BaseModel):
    """What a response cost, in tokens."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class ResponseObject(BaseModel):
    """The answer to a request that does not stream."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    model: str
    output: list[OutputMessage | OutputCall]
    instructions: str | None
    incomplete_details: dict[str, str] | None
    error: dict[str, str] | None
    metadata: dict[str, str]
    parallel_tool_calls: bool
    temperature: float | None
    top_p: float | None
    text: dict[str, JsonValue]
    tool_choice: JsonValue
    tools: list[JsonValue]
    max_output_tokens: int | None
    service_tier: Literal["default", "flex"]
    usage: ResponseCost | None


def words(text: str) -> dict[str, Any]:
    """Return the content of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def message(item: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the model says, as an item of the output."""
    return {
        "id": item,
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def function_call(item: str, call: ToolCall) -> dict[str, Any]:
    """Return a call, as an item of the output."""
    return {
        "id": item,
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": "completed",
    }


def cost(usage: Usage | None) -> dict[str, Any] | None:
    """Return the figures; None if the engine does not tell them."""
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": 0,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
