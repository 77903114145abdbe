"""``/v1/models``."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from xy_core.server.dependencies import ConfigOf, RuntimeOf
from xy_core.server.errors import ApiError
from xy_core.server.openai.catalogue import cards

router = APIRouter(prefix="/v1/models", tags=["openai"])


class Model(BaseModel):
    """One model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    capabilities: list[str] = Field(description="An extension: what it can be asked for.")


class Models(BaseModel):
    """All models."""

    object: Literal["list"]
    data: list[Model]


@router.get("", response_model=Models)
async def list_models(runtime: RuntimeOf) -> object:
    """List what can be named as ``model``."""
    return {"object": "list", "data": [card.as_json() for card in cards(runtime).values()]}


@router.get("/{model:path}", response_model=Model)
async def get_model(model: str, runtime: RuntimeOf, config: ConfigOf) -> object:
    """Describe one model."""
    card = cards(runtime).get(config.aliases.get(model, model))
    if card is None:
        raise ApiError(404, f"no model {model[:100]!r} runs here", "model_not_found", param="model")
    return card.as_json()
