"""Refuses what no engine should be asked to read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from xy_core.core.errors import InputError
from xy_core.modules.llm.types import Message, Request, Sampling, Tool

MOST_CHARACTERS = 1_000_000
"""In all messages of a request: native tokenizers take memory for each."""
_MOST_SCHEMA = 65_536
"""Characters of a schema as JSON; engines turn it into a grammar of many times the size."""
_MOST_TOOLS = 128
_MOST_STOPS = 16
_DEEPEST = 32
"""Levels of a schema; engines descend by recursion, in native code."""
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RANGES: dict[str, tuple[float, float]] = {
    "max_tokens": (1, 1_000_000),
    "temperature": (0, 2),
    "top_p": (0, 1),
    "top_k": (0, 1_000_000),
    "min_p": (0, 1),
    "repeat_penalty": (1, 2),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "seed": (0, 2**32 - 1),
}


def check_request(request: Request) -> None:
    """Let a request pass that an engine can be given.

    Raises:
        InputError: there is no message, a role or a range is wrong, or something is too large.
    """
    if not request.messages:
        raise InputError("there is no message to answer")
    for message in request.messages:
        _check_message(message)
    check_texts([message.content for message in request.messages])
    _check_sampling(request.sampling)
    _check_tools(request.tools, request.tool_choice)
    if request.schema is not None:
        if request.tools:
            raise InputError("a reply follows a schema or calls tools, not both: leave one out")
        _check_schema("the reply's schema", request.schema)


def check_texts(texts: Sequence[str]) -> None:
    """Let texts pass that together are not too long for any tokenizer.

    Raises:
        InputError: they are, or one has half of a character.
    """
    size = sum(map(len, texts))
    if size > MOST_CHARACTERS:
        raise InputError(
            f"{size:,} characters are too many for a language model: send at most "
            f"{MOST_CHARACTERS:,}"
        )
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError as error:
        raise InputError("a text has half of a character (a lone surrogate)") from error


def _check_message(message: Message) -> None:
    if message.role not in _ROLES:
        raise InputError(f"unknown role {message.role[:40]!r}: use {', '.join(sorted(_ROLES))}")
    for call in message.tool_calls:
        check_arguments(call.name, call.arguments)


def check_arguments(name: str, arguments: str) -> dict[str, Any]:
    """Return the arguments of a tool call, which must be JSON of an object.

    Raises:
        InputError: they are not.
    """
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the arguments of the call of {name[:64]!r} are not JSON") from error
    if not isinstance(found, dict):
        raise InputError(f"the arguments of the call of {name[:64]!r} are not a JSON object")
    return found


def _check_sampling(sampling: Sampling) -> None:
    for name, (least, most) in _RANGES.items():
        value = getattr(sampling, name)
        # Written so that NaN is refused too.
        if value is not None and not least <= value <= most:
            raise InputError(f"{name} must be between {least:g} and {most:g}, not {value}")
    if len(sampling.stop) > _MOST_STOPS or not all(sampling.stop):
        raise InputError(f"give at most {_MOST_STOPS} stop texts, and no empty one")
    check_texts(sampling.stop)


def _check_tools(tools: Sequence[Tool], choice: str) -> None:
    names = [tool.name for tool in tools]
    if len(names) > _MOST_TOOLS or len(set(names)) < len(names):
        raise InputError(f"give at most {_MOST_TOOLS} tools, each with a name of its own")
    for tool in tools:
        if not _TOOL_NAME.fullmatch(tool.name):
            raise InputError(
                f"{tool.name[:64]!r} is no tool's name: use up to 64 letters, digits, _ and -"
            )
        _check_schema(f"the schema of tool {tool.name!r}", tool.parameters)
    if choice not in {"auto", "none", *(("required", *names) if names else ())}:
        raise InputError(f"tool_choice {choice[:64]!r} names no tool of this request")


def _check_schema(what: str, schema: Mapping[str, Any]) -> None:
    if not isinstance(schema, Mapping):
        raise InputError(f"{what} is not a JSON object")
    if _depth(schema) > _DEEPEST:
        raise InputError(f"{what} is over {_DEEPEST} levels deep: make it flatter")
    try:
        size = len(json.dumps(schema))
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} cannot be written as JSON: {error}") from error
    if size > _MOST_SCHEMA:
        raise InputError(f"{what} has {size:,} characters: keep it under {_MOST_SCHEMA:,}")


def _depth(schema: object) -> int:
    """Return how deep values nest; stops soon after the deepest that is allowed."""
    level: list[object] = [schema]
    depth = 0
    while level and depth <= _DEEPEST:
        depth += 1
        inner: list[object] = []
        for one in level:
            if isinstance(one, Mapping):
                inner += one.values()
            elif isinstance(one, list | tuple):
                inner += one
        level = inner
        if len(level) > _MOST_SCHEMA:
            break
    return depth
