"""Sentence embeddings by a server that speaks OpenAI's protocol (Ollama, vLLM, llama.cpp, …)."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError

from xy_core.core.errors import BackendError
from xy_core.core.task import TaskPriority
from xy_core.modules.memory.config import EmbeddingServer

_MOST_BYTES = 64 << 20


class _Item(BaseModel):
    index: int = Field(ge=0)
    embedding: list[float] = Field(min_length=1, max_length=16_384)


class _Answer(BaseModel):
    data: list[_Item]


class ServerEmbedder:
    """Asks ``POST /embeddings``; call it with texts."""

    def __init__(self, config: EmbeddingServer) -> None:
        self._config = config

    async def __call__(
        self,
        texts: Sequence[str],
        priority: TaskPriority,  # noqa: ARG002 - the protocol has none
    ) -> npt.NDArray[np.float32]:
        """Return one vector a text: float32, (texts, dimensions).

        Raises:
            BackendError: the server is not there, refuses, or answers something else.
        """
        config = self._config
        headers = {"Authorization": f"Bearer {config.key.get_secret_value()}"} if config.key else {}
        body = {"model": config.model, "input": list(texts)}
        where = config.url.rstrip("/") + "/embeddings"
        try:
            async with httpx.AsyncClient(timeout=config.timeout, headers=headers) as client:
                reply = await client.post(where, json=body)
                reply.raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BackendError(
                f"embedding server {where}: {error or type(error).__name__}; is it running, and "
                "are memory.embedding_server.url, model and key right?"
            ) from error
        return _vectors(reply.content, len(texts), where)


def _vectors(content: bytes, count: int, where: str) -> npt.NDArray[np.float32]:
    try:
        answer = _Answer.model_validate_json(content[:_MOST_BYTES])
        items = sorted(answer.data, key=lambda item: item.index)
        vectors = np.array([item.embedding for item in items], np.float32)
    except (ValidationError, ValueError) as error:  # ValueError: rows of different lengths
        reason = str(error).splitlines()[0]
        raise BackendError(f"embedding server {where} gave no embeddings: {reason}") from error
    if [item.index for item in items] != list(range(count)):
        raise BackendError(f"embedding server {where}: {len(items)} vectors for {count} texts")
    return vectors
