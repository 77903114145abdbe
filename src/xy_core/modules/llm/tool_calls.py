"""Tools for models whose own template knows none: told in words, called by JSON.

The words and the tags are those of Hermes 2 Pro, which Qwen and many others were taught as well:
https://github.com/NousResearch/Hermes-Function-Calling
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from typing import Any

from xy_core.core.errors import InputError
from xy_core.modules.llm.types import Delta, Message, Request, Tool, ToolCall

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_CALL = re.compile(rf"{_OPEN}\s*(.*?)\s*(?:{_CLOSE}|\Z)", re.DOTALL)
_ASK = (
    "You may call one of these functions, given as JSON in <tools></tools>:\n<tools>\n{tools}\n"
    "</tools>\nTo call one, answer with a JSON object of its name and arguments within "
    '<tool_call></tool_call>: <tool_call>\n{{"name": …, "arguments": {{…}}}}\n</tool_call>'
)


def must_call(request: Request) -> bool:
    """Whether the reply has to be a tool call, and nothing else."""
    return bool(request.tools) and request.tool_choice not in {"auto", "none"}


def call_schema(request: Request) -> dict[str, Any]:
    """Return the JSON schema of a call of one of the tools that may be chosen."""
    chosen = [
        tool for tool in request.tools if request.tool_choice in {"auto", "required", tool.name}
    ]
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": dict(tool.parameters)},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in chosen
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def as_words(request: Request) -> tuple[Message, ...]:
    """Return the messages with tools, calls and results in words, and none of them left beside."""
    messages = [_message_in_words(message) for message in request.messages]
    if request.tools and request.tool_choice != "none":
        tools = "\n".join(json.dumps(tool_json(tool)) for tool in request.tools)
        told = _ASK.format(tools=tools)
        if messages[0].role == "system":
            messages[0] = Message("system", f"{messages[0].content}\n\n{told}")
        else:
            messages.insert(0, Message("system", told))
    return tuple(messages)


def tool_json(tool: Tool) -> dict[str, Any]:
    """Return a tool as OpenAI's API has it."""
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}


def message_json(message: Message) -> dict[str, Any]:
    """Return a message as OpenAI's API has it."""
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        found["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.role == "tool":
        found["tool_call_id"] = message.tool_call_id
    return found


def tools_json(request: Request) -> dict[str, Any]:
    """Return a request's tools, and which is to be called, as OpenAI's API has them."""
    if not request.tools:
        return {}
    choice: object = request.tool_choice
    if choice not in {"auto", "none", "required"}:
        choice = {"type": "function", "function": {"name": choice}}
    return {"tools": [tool_json(tool) for tool in request.tools], "tool_choice": choice}


class ToolReader:
    """Finds the calls in a reply that is being written, and holds their JSON back from the text."""

    def __init__(self, request: Request) -> None:
        self._names = {tool.name for tool in request.tools}
        self._forced = must_call(request)
        self._text = ""
        self._shown = 0

    def read(self, delta: Delta) -> Delta:
        """Return what of a piece may be shown; the calls come with the last one.

        Raises:
            InputError: the reply had to be a tool call, and is over before its end.
        """
        self._text += delta.text
        if delta.finish_reason is None:
            return Delta(self._showable())
        if self._forced:
            calls = _calls([self._text], self._names)
            if not calls:
                raise InputError(
                    "the model did not finish its tool call: allow it more tokens (max_tokens)"
                )
            return Delta("", "tool_calls", calls, delta.usage)
        calls = _calls(_CALL.findall(self._text), self._names)
        if calls:
            return Delta("", "tool_calls", calls, delta.usage)
        rest = self._text[self._shown :]  # what looked like a call and was none is shown as it is
        return Delta(rest, delta.finish_reason, (), delta.usage)

    def _showable(self) -> str:
        """Return what cannot be the beginning of a call."""
        if self._forced:
            return ""
        end = self._text.find(_OPEN)
        if end < 0:
            held = next(n for n in range(len(_OPEN), -1, -1) if self._text.endswith(_OPEN[:n]))
            end = len(self._text) - held
        shown, self._shown = self._text[self._shown : end], max(end, self._shown)
        return shown


def new_call(name: str, arguments: str) -> ToolCall:
    """Return a call with a name of its own."""
    return ToolCall(f"call_{secrets.token_hex(8)}", name, arguments)


def _calls(found: Sequence[str], names: set[str]) -> tuple[ToolCall, ...]:
    """Return the calls that are JSON, and of tools that were offered."""
    calls = []
    for text in found:
        try:
            call = json.loads(text)
            name, arguments = call["name"], call["arguments"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if name in names and isinstance(arguments, dict):
            calls.append(new_call(name, json.dumps(arguments, ensure_ascii=False)))
    return tuple(calls)


def _message_in_words(message: Message) -> Message:
    if message.role == "tool":
        return Message("user", f"<tool_response>\n{message.content}\n</tool_response>")
    if not message.tool_calls:
        return message
    calls = [
        f'{_OPEN}\n{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}\n{_CLOSE}'
        for call in message.tool_calls
    ]
    return Message("assistant", "\n".join([message.content, *calls]).strip())
