"""A module's backend as a model that the scheduler brings and takes away."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from xy_core.core.model import ModelSpec, Variant


class Backend(Protocol):
    """An object of a module that holds one model; its methods may block."""

    def load(self) -> None:
        """Read the model into memory; harmless when it is there."""

    def close(self) -> None:
        """Give the memory back; harmless when nothing is loaded."""


BackendT = TypeVar("BackendT", bound=Backend)


def backend_model(
    name: str, backend: BackendT, size: int, together: int | None = None
) -> ModelSpec[BackendT]:
    """Return a model that is held by a backend; tasks get the backend as their first argument.

    Args:
        name: the model's, unique among those of a scheduler.
        backend: what loads and computes.
        size: bytes of the device that it takes while it is loaded.
        together: see `ModelSpec`.
    """

    def load(_device: str, _variant: Variant) -> BackendT:
        backend.load()
        return backend

    def unload(_loaded: Any) -> None:
        backend.close()

    return ModelSpec(name, (Variant("full", size),), load, unload, together=together)
