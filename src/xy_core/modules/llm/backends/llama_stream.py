"""Runs one request on llama.cpp's engine, piece by piece."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from xy_core.core.errors import BackendError, ContextExceeded, InputError
from xy_core.modules.llm.backends.chunks import ChunkReader
from xy_core.modules.llm.types import Delta

Handler = Callable[[Any, Callable[[Any], bool]], Any]


def run(handle: Handler, body: dict[str, Any], emit: Callable[[Delta], None]) -> None:
    """Run a request; its pieces go to `emit`, whose error ends it at the next token.

    Raises:
        InputError: the engine refuses the request.
        ContextExceeded: the prompt is too long.
        BackendError: the engine fails.
    """
    reader = ChunkReader()
    failure: BaseException | None = None

    def take(chunk: Any) -> bool:  # noqa: ANN401 - a dictionary, or JSON of one
        """Return True to stop the engine; it cannot carry our exceptions through itself."""
        nonlocal failure
        data = json.loads(chunk) if isinstance(chunk, str | bytes) else chunk
        failure = failure_of(data.get("error"))
        if failure is not None:
            return True
        text = reader.read(data)
        try:
            # An empty piece is handed over as well: it is a chance to see a cancellation.
            emit(Delta(text))
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure = error
        return failure is not None

    try:
        answer = handle(body, take)
    except (ValueError, RuntimeError) as error:
        # So xllamacpp tells of a body that it cannot read.
        raise InputError(f"llama.cpp refuses the request: {error}") from error
    if failure is None and isinstance(answer, dict):
        failure = failure_of(answer.get("error"))
    if failure is not None:
        raise failure
    emit(reader.last())


def failure_of(error: dict[str, Any] | None) -> BackendError | InputError | None:
    """Return what an answer's error means; None if there is none."""
    if not error:
        return None
    message = error.get("message", error)
    kind = error.get("type")
    if kind == "exceed_context_size_error":
        return ContextExceeded()
    if kind == "invalid_request_error":
        return InputError(f"llama.cpp refuses the request: {message}")
    return BackendError(f"llama.cpp: {message}")
