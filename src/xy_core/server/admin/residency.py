"""``/v1/runtime/models``: bringing models to devices, and freeing what they take."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from xy_core.core.errors import XyCoreError
from xy_core.runtime import Runtime
from xy_core.server.dependencies import RuntimeOf
from xy_core.server.errors import ApiError
from xy_core.server.json_body import JsonRoute

router = APIRouter(prefix="/v1/runtime/models", tags=["admin"], route_class=JsonRoute)


class ModelRequest(BaseModel):
    """A model on a device, by the names that ``/v1/runtime`` gives them."""

    model: str = Field(min_length=1, max_length=200)
    device: str = Field(min_length=1, max_length=80)


class Loaded(BaseModel):
    """Whether the model is there; False if others would have to go for it."""

    loaded: bool


class Unloaded(BaseModel):
    """Whether the model was there."""

    unloaded: bool


@router.post("/load", response_model=Loaded)
async def load(body: ModelRequest, runtime: RuntimeOf) -> object:
    """Bring a model before any task asks for it, if there is room."""
    _check(runtime, body)
    try:
        return {"loaded": await runtime.engine.scheduler.preload_model(body.model, body.device)}
    except XyCoreError:
        raise
    except Exception as error:  # a backend's load may raise anything
        raise ApiError(
            503, f"the model could not be loaded: {error}", "model_load_failed"
        ) from error


@router.post("/unload", response_model=Unloaded)
async def unload(body: ModelRequest, runtime: RuntimeOf) -> object:
    """Free what a model takes, after its last user; its next task brings it again."""
    _check(runtime, body)
    return {"unloaded": await runtime.engine.scheduler.unload_model(body.model, body.device)}


def _check(runtime: Runtime, asked: ModelRequest) -> None:
    """Refuse what is not there."""
    devices = {one.name: one.models for one in runtime.engine.scheduler.devices()}
    if asked.device not in devices:
        raise ApiError(404, "there is no such device", "device_not_found", param="device")
    if asked.model not in {one.name for one in devices[asked.device]}:
        raise ApiError(404, "no such model is registered there", "model_not_found", param="model")
