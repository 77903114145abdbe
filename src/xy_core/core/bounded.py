"""Time limits that hold even for code that ignores its cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from xy_core.core.errors import TaskCancelled

log = structlog.get_logger("engine")

T = TypeVar("T")
_GRACE = 1.0
"""Seconds that cancelled work gets for its clean-up before it is left behind."""


async def bounded(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Await a coroutine for at most that long, and cancel it then.

    Raises:
        TimeoutError: it took longer; if it did not end a second after it was cancelled either, it
            is left behind.
        TaskCancelled: it was cancelled, but not by the caller.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.cancelled():
            raise TaskCancelled("it was cancelled by itself")
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        if not task.done():
            await _end(task)


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    task.add_done_callback(_take_note)
    await asyncio.wait({task}, timeout=_GRACE)
    if not task.done():
        log.warning("work that ignores its cancellation was left behind", task=task.get_name())


def _take_note(task: asyncio.Task[Any]) -> None:
    """Look at the error: nobody else will, and asyncio would complain."""
    if not task.cancelled():
        task.exception()
