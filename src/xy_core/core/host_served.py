"""What a model's process does with its model, on whatever machine it runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from xy_core.core.errors import InvalidTaskError


def make_object(
    factory: Callable[..., Any], args: tuple[Any, ...], begin: str, begin_with: tuple[Any, ...]
) -> Any:
    """Return what a factory makes, once it has begun."""
    made = factory(*args)
    if begin:
        getattr(made, begin)(*begin_with)
    return made


def method_of(served: Any, name: str) -> Callable[..., Any]:
    """Return a method of the model.

    Raises:
        InvalidTaskError: it has none of that name.
    """
    method: Callable[..., Any] | None = getattr(served, name, None)
    if not callable(method):
        raise InvalidTaskError(f"{type(served).__name__} has no method {name!r}")
    return method


def produce(
    method: Callable[..., Any],
    emit: Callable[[Any], None],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    """Hand over what a generator method yields, or what a method gives to its ``emit``."""
    if not inspect.isgeneratorfunction(method):
        method(emit, *args, **kwargs)
        return
    with closing(method(*args, **kwargs)) as items:
        for item in items:
            emit(item)
