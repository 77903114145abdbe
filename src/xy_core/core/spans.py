"""The scheduler's trace as spans of OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xy_core.core.errors import MissingExtraError
from xy_core.core.task import TaskInfo, TaskStatus
from xy_core.core.trace import Trace

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_NANOSECONDS = 1_000_000_000
_ERROR_TYPES = {TaskStatus.FAILED: "_OTHER", TaskStatus.TIMED_OUT: "timeout"}
"""Values of ``error.type``. A cancelled task ended as its owner wished, and a retried one well."""


def export_spans(trace: Trace, tracer: Tracer | None = None) -> int:
    """Hand every ended task of a trace to OpenTelemetry as a span; returns how many.

    Errors are recorded as the semantic conventions say: status ERROR with the message, and the
    attribute ``error.type``. Everything else stands in attributes that begin with ``xy_core``.

    Args:
        trace: the scheduler's trace.
        tracer: where to; the globally configured one if not given.

    Raises:
        MissingExtraError: the OpenTelemetry API is not installed.
    """
    try:
        from opentelemetry import trace as otel  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MissingExtraError("opentelemetry-api", "observe") from error
    target = tracer or otel.get_tracer("xy_core")
    tasks = {id(event.task): event.task for event in trace if event.task.status.final}
    for task in tasks.values():
        span = target.start_span(task.name, start_time=_nanoseconds(task.created_at))
        span.set_attributes(_attributes(task))
        if task.status in _ERROR_TYPES:
            span.set_attribute("error.type", _ERROR_TYPES[task.status])
            span.set_status(otel.StatusCode.ERROR, task.error)
        span.end(_nanoseconds(task.ended_at or task.created_at))
    return len(tasks)


def _attributes(task: TaskInfo) -> dict[str, str | int | float]:
    waited = (task.started_at or task.ended_at or task.created_at) - task.created_at
    return {
        "xy_core.task_id": task.task_id,
        "xy_core.lane": task.lane,
        "xy_core.worker": task.worker,
        "xy_core.node": task.node,
        "xy_core.priority": task.priority.name,
        "xy_core.status": task.status.value,
        "xy_core.attempts": task.attempts,
        "xy_core.wait_seconds": waited,
    }


def _nanoseconds(seconds: float) -> int:
    return int(seconds * _NANOSECONDS)
