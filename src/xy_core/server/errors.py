"""Errors as clients see them: OpenAI's JSON, with the status that says what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from xy_core.core import errors

log = structlog.get_logger("server")


class ApiError(errors.XyCoreError):
    """A request is refused; says with which status.

    Attributes:
        status: of HTTP.
        code: a short name that programs can rely on.
        param: the part of the request that is wrong, if it is one.
        headers: to send with it.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = dict(headers or {})


class Refused(HTTPException):
    """A request is refused while it is being read, where FastAPI lets only its own errors pass."""

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(status, message)
        self.code = code


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "The request is refused; the message says why."},
    "5XX": {"model": ErrorBody, "description": "The server could not do it."},
}
"""For the OpenAPI document of every endpoint."""

_BUSY = "server_busy"
_ANSWERS: dict[type[errors.XyCoreError], tuple[int, str | None]] = {
    errors.XyCoreError: (500, None),
    errors.ConfigError: (500, "misconfigured"),
    errors.InputError: (400, None),
    errors.MissingExtraError: (501, "not_installed"),
    errors.ModelError: (500, None),
    errors.UnknownModelError: (404, "model_not_found"),
    errors.ModelNotInstalledError: (404, "model_not_found"),
    errors.InvalidTaskError: (400, None),
    errors.ContextExceeded: (400, "context_length_exceeded"),
    errors.RemoteError: (502, "upstream_failed"),
    errors.UnsupportedError: (400, "unsupported"),
    errors.QueueFull: (429, "queue_full"),
    errors.TaskCancelled: (409, "cancelled"),
    errors.TaskTimeout: (504, "timeout"),
    errors.WorkerCrashed: (503, "worker_crashed"),
    errors.WorkerUnavailable: (503, _BUSY),
    errors.DeviceError: (503, "device_unavailable"),
    errors.ModelLoadError: (503, "model_load_failed"),
    errors.SchedulerClosed: (503, "shutting_down"),
    errors.ModuleUnavailable: (501, "module_unavailable"),
    errors.UnknownModuleError: (404, "module_not_found"),
    errors.Terminated: (503, "shutting_down"),
}
"""Status and code by class; a class that is missing is answered as its nearest base."""

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}


def as_api_error(error: Exception) -> ApiError:
    """Return the refusal that an error means; what is not ours tells nothing of its insides."""
    match error:
        case ApiError():
            return error
        case Refused():
            return ApiError(error.status_code, error.detail, error.code, headers=error.headers)
        case HTTPException():
            return ApiError(error.status_code, str(error.detail), headers=error.headers)
        case RequestValidationError():
            return _of_validation(error)
        case errors.XyCoreError():
            status, code = next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
            return ApiError(status, str(error), code, headers=_retry(error))
        case _:
            return ApiError(500, "the server failed; its log says more", "internal_error")


def error_json(error: ApiError) -> dict[str, Any]:
    """Return the body that OpenAI's clients expect."""
    usual = "invalid_request_error" if error.status < 500 else "server_error"  # noqa: PLR2004
    kind = _TYPES.get(error.status, usual)
    return {
        "error": {
            "message": str(error),
            "type": kind,
            "param": error.param,
            "code": error.code,
        }
    }


def error_response(error: Exception) -> JSONResponse:
    """Return the whole answer to a request that failed."""
    refusal = as_api_error(error)
    return JSONResponse(error_json(refusal), refusal.status, refusal.headers)


def handle_errors(app: FastAPI) -> None:
    """Let all errors of an app's endpoints be answered in this form."""

    async def answer(_request: Request, error: Exception) -> JSONResponse:
        return error_response(error)

    for kind in (errors.XyCoreError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)


def _of_validation(error: RequestValidationError) -> ApiError:
    """Name the first thing that does not fit; what was given is not repeated."""
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
    where = f"{path}: " if path else ""
    return ApiError(400, f"{where}{first['msg']}", "invalid_value", param=path or None)


def _retry(error: errors.XyCoreError) -> dict[str, str]:
    seconds = getattr(error, "retry_after", None)
    if seconds is None:
        return {}
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
