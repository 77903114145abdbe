"""The vocabulary of tasks: what kind, how urgent, how far, and the record of each."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field
from typing import Any


class TaskPriority(enum.IntEnum):
    """How urgent a task is; waiting raises it (see `ReadyQueue`)."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class TaskType(enum.Enum):
    """Which resource a task needs, and so where it waits."""

    DEFAULT = "default"
    """A coroutine function, on the event loop."""
    CPU_BOUND = "cpu_bound"
    """A plain function that releases the GIL, on a thread of the cpu lane."""
    PROCESS = "process"
    """A plain function of a module, in a worker process: pure-Python load, code that may crash."""
    GPU_BOUND = "gpu_bound"
    """A plain or coroutine function that uses an inference device."""


class TaskStatus(enum.Enum):
    """How far a task has come; the last four are final."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"

    # Members are unique, and Enum's own hash is a slow function on the path of every task.
    __hash__ = object.__hash__

    @property
    def final(self) -> bool:
        """Whether the task will never change again."""
        return self not in {TaskStatus.PENDING, TaskStatus.RUNNING}


@dataclass(eq=False, slots=True)
class TaskInfo:
    """The record of one task.

    Attributes:
        task_id: unique within its scheduler.
        name: dotted, says what it does: ``voice.transcribe``.
        task_type: which resource it needs.
        priority: as given; aging does not change it.
        lane: where it waits and runs.
        created_at: when it was submitted, in seconds since the epoch.
        note: free words for the trace.
        status: how far it has come.
        started_at: when its latest attempt began, in seconds since the epoch.
        ended_at: when it became final, in seconds since the epoch.
        worker: the slot of the lane that ran it last.
        device: the device that it computed on last; empty for other tasks.
        node: the machine of a cluster that computed it last; empty for this one.
        attempts: how often it was started, preemptions not counted.
        error: the error in words, for FAILED, CANCELLED and TIMED_OUT.
    """

    task_id: str
    name: str
    task_type: TaskType
    priority: TaskPriority
    lane: str
    created_at: float
    note: str = field(default="", init=False)
    status: TaskStatus = field(default=TaskStatus.PENDING, init=False)
    started_at: float | None = field(default=None, init=False)
    ended_at: float | None = field(default=None, init=False)
    worker: str = field(default="", init=False)
    device: str = field(default="", init=False)
    node: str = field(default="", init=False)
    attempts: int = field(default=0, init=False)
    error: str = field(default="", init=False)

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON types."""
        return asdict(self) | {
            "task_type": self.task_type.value,
            "priority": self.priority.name,
            "status": self.status.value,
        }
