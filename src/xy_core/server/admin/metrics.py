"""``/metrics``: figures for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from xy_core.core.errors import MissingExtraError
from xy_core.core.metrics import EngineCollector
from xy_core.server.dependencies import RuntimeOf

router = APIRouter(tags=["admin"])


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(runtime: RuntimeOf) -> Response:
    """Return the engine's figures in Prometheus' text format."""
    collector = EngineCollector(runtime.engine)
    try:
        from prometheus_client import (  # noqa: PLC0415 - an optional extra
            CONTENT_TYPE_LATEST,
            CollectorRegistry,
            generate_latest,
        )
    except ImportError as error:
        raise MissingExtraError("prometheus-client", "observe") from error
    registry = CollectorRegistry()
    registry.register(collector)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
