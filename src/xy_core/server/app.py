"""Puts the server together: endpoints inside, what protects them around."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from xy_core import __version__
from xy_core.runtime import Runtime
from xy_core.server.admin import catalogue, events, health, metrics, residency, tasks
from xy_core.server.admin import config as settings
from xy_core.server.admin import runtime as watched
from xy_core.server.admin.pulls import Pulls
from xy_core.server.admission import Admission
from xy_core.server.agent import emotion, memories, memory, turns
from xy_core.server.config import ServerConfig
from xy_core.server.errors import DOCUMENTED, handle_errors
from xy_core.server.exchange import Exchanges
from xy_core.server.idempotency import Idempotency
from xy_core.server.openai import (
    chat,
    embeddings,
    images,
    models,
    responses,
    speech,
    transcriptions,
)
from xy_core.server.realtime import endpoint as realtime
from xy_core.server.remote_images import RemoteImages
from xy_core.server.security.access import Access
from xy_core.server.security.body import BodyLimits
from xy_core.server.security.hosts import Gate
from xy_core.server.security.keys import KeyStore
from xy_core.server.web import pages

_ROUTERS = (
    models.router,
    chat.router,
    responses.router,
    speech.router,
    transcriptions.router,
    embeddings.router,
    images.router,
    turns.router,
    realtime.router,
    emotion.router,
    memory.router,
    memories.router,
    tasks.router,
    events.router,
    watched.router,
    residency.router,
    catalogue.router,
    metrics.router,
    health.router,
    settings.router,
    pages.router,
)


def create_app(runtime: Runtime, config: ServerConfig) -> Exchanges:
    """Return the whole application over a running program.

    A request passes, from outside: `Exchanges` (its time and its end), `Gate` (host and origin),
    `Access` (keys, rate), `Admission` (is there room), `BodyLimits`, `Idempotency`, then the
    endpoints.
    """
    api = FastAPI(
        title="xy-core",
        version=__version__,
        description="A local-first runtime for emotional, multimodal AI agents.",
        docs_url=None,
        redoc_url=None,
        responses=DOCUMENTED,
        separate_input_output_schemas=False,
    )
    api.state.runtime = runtime
    api.state.config = config
    api.state.remote_images = RemoteImages(config.remote_images)
    api.state.pulls = Pulls(runtime)
    api.state.seats = realtime.Seats(config.realtime.sessions)
    handle_errors(api)
    for router in _ROUTERS:
        api.include_router(router)
    guarded: ASGIApp = Idempotency(api, config.idempotency)
    guarded = BodyLimits(guarded, config.limits)
    guarded = Admission(guarded, config.limits)
    guarded = Access(guarded, config, KeyStore(config.keys))
    if config.origins:
        guarded = _with_cors(guarded, config)
    return Exchanges(Gate(guarded, config), config)


def _with_cors(app: ASGIApp, config: ServerConfig) -> ASGIApp:
    """Let the pages of trusted origins call; they ask first without a key, so outside `Access`."""
    return CORSMiddleware(
        app,
        allow_origins=config.origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["authorization", "content-type", "idempotency-key", "x-priority"],
        expose_headers=["x-request-id", "retry-after"],
    )
