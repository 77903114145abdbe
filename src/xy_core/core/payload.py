"""What may stand in the journal: names, JSON values, priorities, errors in words."""

from __future__ import annotations

import json
from typing import Any

from xy_core.core.errors import InvalidTaskError
from xy_core.core.task import TaskPriority

_LONGEST_NAME = 500
_LONGEST_ERROR = 2_000
_encode = json.JSONEncoder(allow_nan=False).encode


def check_name(name: str) -> None:
    """Refuse what cannot be searched for and shown.

    Raises:
        InvalidTaskError: it is empty, too long, or not printable.
    """
    if not (isinstance(name, str) and name.isprintable() and 0 < len(name) <= _LONGEST_NAME):
        raise InvalidTaskError(
            f"{name!r:.80} is no name or key: give 1 to {_LONGEST_NAME} printable characters"
        )


def as_json(value: Any, longest: int) -> str:
    """Return a value as JSON of ASCII characters, so that any text comes back as it was.

    Raises:
        InvalidTaskError: it is more than plain JSON types, or longer than that.
    """
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidTaskError(f"durable tasks take and give plain JSON types: {error}") from error
    if len(text) > longest:
        raise InvalidTaskError(
            f"{len(text):,} characters of JSON are more than journal.max_payload ({longest:,}): "
            "put large data into a file and give its path"
        )
    return text


def arguments_as_json(arguments: Any, longest: int) -> str:
    """Return a function's keyword arguments as JSON; see `as_json`."""
    if not isinstance(arguments, dict) or any(type(name) is not str for name in arguments):
        raise InvalidTaskError("a durable task's arguments are a dict of its keyword arguments")
    return as_json(arguments, longest)


def as_priority(number: int) -> TaskPriority:
    """Return the priority of that number; raises InvalidTaskError if there is none."""
    if type(number) is TaskPriority:
        return number
    try:
        return TaskPriority(number)
    except ValueError as error:
        raise InvalidTaskError(f"{number!r} is no priority: LOW=1 … CRITICAL=4") from error


def in_words(error: str) -> str:
    """Return an error's text, bounded and valid Unicode."""
    return error[:_LONGEST_ERROR].encode("utf-8", "replace").decode().replace("\0", "")
