"""``/v1/tasks``: what the scheduler does and has done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from xy_core.core.task import TaskStatus
from xy_core.core.trace import TraceEvent
from xy_core.server.admin.snapshot import ActiveTask
from xy_core.server.dependencies import RuntimeOf
from xy_core.server.errors import ApiError

router = APIRouter(prefix="/v1/tasks", tags=["admin"])
TaskId = Annotated[str, Path(min_length=1, max_length=100, description="The task's id.")]


class Task(ActiveTask):
    """The record of one task, also of one that has ended."""

    ended_at: float | None
    attempts: int
    note: str
    error: str


class TaskMoment(BaseModel):
    """One event of a task's trace.

    Attributes:
        ts: seconds since the epoch.
        event: what happened.
        worker: the slot that ran it; empty while it waited.
        duration_ms: how long the attempt ran; null while it has not ended.
    """

    ts: float
    event: str
    worker: str
    duration_ms: float | None


class TaskDetails(BaseModel):
    """A task and its trace, oldest first, as far as it is still recorded."""

    task: Task
    trace: list[TaskMoment]


class Tasks(BaseModel):
    """Tasks, newest first."""

    data: list[Task]


class Cancelled(BaseModel):
    """Whether a task was cancelled; False if it had ended."""

    cancelled: bool


@router.get("", response_model=Tasks)
async def list_tasks(
    runtime: RuntimeOf,
    status: Annotated[TaskStatus | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> object:
    """List tasks that wait, run, or have ended lately."""
    found = [
        task for task in runtime.engine.scheduler.tasks() if status is None or task.status is status
    ]
    found.sort(key=lambda task: task.created_at, reverse=True)
    return {"data": [task.as_json() for task in found[:limit]]}


@router.get("/{task_id}", response_model=TaskDetails)
async def get_task(task_id: TaskId, runtime: RuntimeOf) -> object:
    """Return one task with its trace."""
    scheduler = runtime.engine.scheduler
    task = scheduler.task(task_id)
    if task is None:
        raise _unknown()
    return {"task": task.as_json(), "trace": [_moment(one) for one in scheduler.trace.of(task)]}


@router.delete("/{task_id}", response_model=Cancelled)
async def cancel_task(task_id: TaskId, runtime: RuntimeOf) -> object:
    """Cancel a task."""
    scheduler = runtime.engine.scheduler
    if scheduler.task(task_id) is None:
        raise _unknown()
    return {"cancelled": scheduler.cancel(task_id)}


def _moment(event: TraceEvent) -> dict[str, object]:
    ran = None if event.duration is None else round(event.duration * 1000, 3)
    return {"ts": event.ts, "event": event.event, "worker": event.worker, "duration_ms": ran}


def _unknown() -> ApiError:
    return ApiError(404, "there is no such task", "task_not_found", param="task_id")
