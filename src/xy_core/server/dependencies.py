"""What endpoints ask for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import HTTPConnection

from xy_core.core.task import TaskPriority
from xy_core.runtime import Runtime
from xy_core.server.admission import Admission
from xy_core.server.config import ServerConfig


async def _runtime(connection: HTTPConnection) -> Runtime:
    runtime: Runtime = connection.app.state.runtime
    return runtime


async def _config(connection: HTTPConnection) -> ServerConfig:
    config: ServerConfig = connection.app.state.config
    return config


async def _priority(
    connection: HTTPConnection,
    x_priority: Annotated[  # noqa: ARG001 - read before, documented here
        str | None, Header(description="interactive, or batch: it waits and is refused first.")
    ] = None,
    x_request_timeout: Annotated[  # noqa: ARG001 - the same
        str | None, Header(description="Seconds after which the request is given up.")
    ] = None,
) -> TaskPriority:
    priority: TaskPriority = connection.state.priority
    return priority


async def _admission(connection: HTTPConnection) -> Admission:
    admission: Admission = connection.state.admission
    return admission


RuntimeOf = Annotated[Runtime, Depends(_runtime)]
"""The running program."""
ConfigOf = Annotated[ServerConfig, Depends(_config)]
"""The server's settings."""
Priority = Annotated[TaskPriority, Depends(_priority)]
"""How urgent the request is, by its headers."""
AdmissionOf = Annotated[Admission, Depends(_admission)]
"""Whether there is room for work of another priority."""
