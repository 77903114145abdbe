"""What kind of function one is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def is_coroutine_function(fn: Callable[..., Any]) -> bool:
    """Whether calling `fn` gives a coroutine; fast for plain functions."""
    code = getattr(fn, "__code__", None)
    if code is not None:
        return bool(code.co_flags & inspect.CO_COROUTINE) or inspect.iscoroutinefunction(fn)
    if isinstance(fn, type):
        return False  # calling it makes an instance, whatever calling that gives
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(
        getattr(fn, "__call__", None)  # noqa: B004 - its kind is asked, not its existence
    )


def name_of(fn: Callable[..., Any]) -> str:
    """Return a name for messages."""
    return getattr(fn, "__qualname__", None) or repr(fn)
