"""``/healthz``: the process lives; ``/readyz``: it can do its work."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from xy_core.core.module import HealthStatus
from xy_core.server.dependencies import RuntimeOf

router = APIRouter(tags=["admin"])


class Alive(BaseModel):
    """The answer of a process that lives."""

    status: Literal["ok"]


class Ready(BaseModel):
    """How the modules are doing; without details, since anybody may ask."""

    status: HealthStatus
    modules: dict[str, HealthStatus]


@router.get("/healthz", response_model=Alive)
async def healthz() -> object:
    """Answer at once."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Ready, responses={503: {"model": Ready}})
async def readyz(runtime: RuntimeOf, response: Response) -> object:
    """Say whether requests can be served: 503 while no module works."""
    report = runtime.engine.last_report()
    if report.status is HealthStatus.FAILED:
        response.status_code = 503
    modules = {name: module.health.status for name, module in report.modules.items()}
    return {"status": report.status, "modules": modules}
