"""Endpoints of OpenAI's for which no module of this program has an engine."""

from __future__ import annotations

from typing import NoReturn

from fastapi import APIRouter

from xy_core.server.errors import ApiError

router = APIRouter(prefix="/v1", tags=["openai"])


@router.post("/embeddings", response_model=None)
async def create_embeddings() -> NoReturn:
    """Refuse: no module offers embeddings to clients."""
    raise _missing("embeddings")


@router.post("/images/generations", response_model=None)
@router.post("/images/edits", response_model=None)
async def create_images() -> NoReturn:
    """Refuse: no module makes pictures."""
    raise _missing("image generation")


def _missing(what: str) -> ApiError:
    return ApiError(501, f"no running module offers {what}", "not_implemented")
