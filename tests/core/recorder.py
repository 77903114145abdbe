"""Modules that write down what the engine does with them, and those that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from xy_core.core.config import EngineConfig, StrictModel
from xy_core.core.module import Module

QUICK = EngineConfig(initialize_timeout=5.0, stop_timeout=1.0, drain_timeout=1.0)


class Section(StrictModel):
    size: int = 1


class Recorder(Module[Section]):
    """Writes down what the engine does with it."""

    config_model = Section
    calls: list[str]

    async def initialize(self) -> None:
        self.calls.append(f"initialize {self.name}")

    async def start(self) -> None:
        self.calls.append(f"start {self.name}")

    async def stop(self) -> None:
        self.calls.append(f"stop {self.name}")


class Offer:
    """An installed package's offer of one module."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self.load = load


def raises(error: Exception) -> Callable[[Recorder], Any]:
    async def fail(_self: Recorder) -> None:
        raise error

    return fail


async def hang(_self: Recorder) -> None:
    await asyncio.Event().wait()
