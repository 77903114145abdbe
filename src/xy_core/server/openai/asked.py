"""What a chat request asks of a bare model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xy_core.modules.llm import Message, Sampling, Tool, ToolCall
from xy_core.server.errors import ApiError
from xy_core.server.openai.catalogue import AGENT
from xy_core.server.openai.chat_types import (
    AnyJson,
    ChatMessage,
    ChatRequest,
    ImagePart,
    NamedTool,
    SchemaFormat,
    TextPart,
    ToolOffered,
)

_ROLES = {"developer": "system"}
_SEEDS = 2**32
_ANY_OBJECT = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in the words of the llm module; see `LLMService.generate`.

    Attributes:
        several_calls: whether the reply may have more than one tool call.
    """

    messages: list[Message]
    sampling: Sampling
    tools: list[Tool]
    tool_choice: str
    schema: Mapping[str, Any] | None
    several_calls: bool

    @classmethod
    def of(cls, body: ChatRequest) -> Asked:
        """Read it from a request.

        Raises:
            ApiError: it has what a model cannot be given.
        """
        return cls(
            messages=[_message(number, body) for number in range(len(body.messages))],
            sampling=_sampling(body),
            tools=[_tool(tool) for tool in body.tools or ()],
            tool_choice=_choice(body),
            schema=_schema(body),
            several_calls=body.parallel_tool_calls is not False,
        )


def _message(number: int, body: ChatRequest) -> Message:
    given = body.messages[number]
    where = f"messages.{number}"
    for part in given.parts:
        if isinstance(part, TextPart) or part.type == "refusal":
            continue
        kind = "pictures" if isinstance(part, ImagePart) else "recordings"
        raise ApiError(
            400,
            f"model {body.model!r} takes no {kind}: send them to {AGENT}",
            "unsupported_content",
            param=f"{where}.content",
        )
    _check_result(given, where)
    calls = tuple(
        ToolCall(call.id, call.function.name, call.function.arguments)
        for call in given.tool_calls or ()
    )
    role = _ROLES.get(given.role, given.role)
    return Message(role, given.text, calls, given.tool_call_id or "")


def _check_result(given: ChatMessage, where: str) -> None:
    if given.role == "tool" and not given.tool_call_id:
        raise ApiError(
            400,
            "a tool's result names the call that it answers",
            "invalid_value",
            param=f"{where}.tool_call_id",
        )


def _sampling(body: ChatRequest) -> Sampling:
    return Sampling(
        max_tokens=body.limit,
        temperature=body.temperature,
        top_p=body.top_p,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        seed=None if body.seed is None else body.seed % _SEEDS,
        stop=tuple(body.stops),
    )


def _tool(offered: ToolOffered) -> Tool:
    function = offered.function
    parameters = function.parameters or {"type": "object", "properties": {}}
    return Tool(function.name, function.description or "", parameters)


def _choice(body: ChatRequest) -> str:
    if isinstance(body.tool_choice, NamedTool):
        return body.tool_choice.function.name
    return body.tool_choice or "auto"


def _schema(body: ChatRequest) -> Mapping[str, Any] | None:
    match body.response_format:
        case SchemaFormat():
            return body.response_format.json_schema.schema_
        case AnyJson():
            return _ANY_OBJECT
        case _:
            return None
