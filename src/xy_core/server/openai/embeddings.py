"""``/v1/embeddings``."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from xy_core.core.errors import InputError
from xy_core.core.task import TaskPriority
from xy_core.modules.llm import LLMService, Message
from xy_core.modules.llm.limits import check_texts
from xy_core.modules.llm.types import Embeddings
from xy_core.modules.memory import MemoryService
from xy_core.runtime import Runtime
from xy_core.server.dependencies import ConfigOf, Priority, RuntimeOf
from xy_core.server.errors import ApiError
from xy_core.server.json_body import JsonRoute
from xy_core.server.openai.catalogue import Card, find

router = APIRouter(prefix="/v1", tags=["openai"], route_class=JsonRoute)

_Input = Annotated[str, Field(min_length=1, max_length=1_000_000)]


class EmbeddingRequest(BaseModel):
    """The body of ``/v1/embeddings``."""

    model: str = Field(min_length=1, max_length=256)
    input: _Input | Annotated[list[_Input], Field(min_length=1, max_length=2_048)] = Field(
        description="Words; lists of token numbers are not taken."
    )
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = Field(
        None, ge=1, description="The first so many; good only if the model was trained for that."
    )

    @property
    def texts(self) -> list[str]:
        """What is to be embedded."""
        return [self.input] if isinstance(self.input, str) else self.input


class Embedding(BaseModel):
    """The vector of one text, of length 1; little-endian float32 if it is base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingCost(BaseModel):
    """What was read, in tokens."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(BaseModel):
    """The answer; `usage` is null if the engine does not tell."""

    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: EmbeddingCost | None


@router.post("/embeddings", response_model=EmbeddingList)
async def create_embeddings(
    body: EmbeddingRequest, runtime: RuntimeOf, config: ConfigOf, priority: Priority
) -> JSONResponse:
    """Turn texts into vectors whose dot product is their similarity."""
    card = find(runtime, config.aliases, body.model, "embedding")
    check_texts(body.texts)
    vectors, tokens = await _embedded(runtime, card, body.texts, priority)
    answer = await asyncio.to_thread(_answer, body, vectors, tokens)
    return JSONResponse(answer)


async def _embedded(
    runtime: Runtime, card: Card, texts: Sequence[str], priority: TaskPriority
) -> tuple[Embeddings, int | None]:
    """Return the vectors and how many tokens were read."""
    if card.module == MemoryService.name:
        service = runtime.engine.module(MemoryService)
        tokens = await service.count_tokens(texts, priority=priority)
        return await service.embed(texts, priority=priority), tokens
    llm = runtime.engine.module(LLMService)
    vectors = await llm.embed(texts, model=card.id, priority=priority)
    messages = [Message("user", text) for text in texts]
    return vectors, await llm.count_tokens(messages, model=card.id, priority=priority)


def _answer(body: EmbeddingRequest, vectors: Embeddings, tokens: int | None) -> dict[str, Any]:
    rows = _shortened(vectors, body.dimensions)
    coded: list[str] | list[list[float]]
    if body.encoding_format == "base64":
        coded = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in rows]
    else:
        coded = rows.tolist()
    return {
        "object": "list",
        "model": body.model,
        "data": [
            {"object": "embedding", "index": index, "embedding": row}
            for index, row in enumerate(coded)
        ],
        "usage": None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _shortened(vectors: Embeddings, dimensions: int | None) -> Embeddings:
    """Return the first dimensions, brought to length 1 again."""
    width = vectors.shape[1]
    if dimensions is None or dimensions == width:
        return vectors
    if dimensions > width:
        raise ApiError(
            400, f"the model has {width} dimensions", "invalid_value", param="dimensions"
        )
    cut = vectors[:, :dimensions]
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise InputError(f"nothing is left of a vector in {dimensions} dimensions: ask for more")
    unit: Embeddings = cut / lengths
    return unit
