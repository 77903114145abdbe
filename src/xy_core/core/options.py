"""What a submitter can say about a task, and how a job takes it in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from xy_core.core.arrival import inherited
from xy_core.core.batching import Batching
from xy_core.core.errors import InvalidTaskError
from xy_core.core.job import Job
from xy_core.core.task import TaskPriority, TaskType

Memory = int | Callable[..., int]
"""Bytes, or a function of a task's arguments that tells them."""


class TaskOptions(TypedDict, total=False):
    """The keyword arguments of `submit`, `run` and `stream`; all can be left out.

    Attributes:
        name: dotted name for trace and logs; the function's name if not given.
        priority: how urgent the task is (MEDIUM); waiting raises it.
        task_type: which resource it needs (DEFAULT).
        device: which device a GPU_BOUND task needs: one (``cuda:1``) or any of a kind (``cuda``);
            any of the first configured one's kind if not given.
        model: the registered model that it needs; the function gets it as its first argument.
        memory: bytes of the device that it needs beside the model while it runs, or a function
            of its arguments that tells them. Corrected by what such tasks report (`report_peak`).
        batching: lets a GPU_BOUND task be computed together with others (see `Batching`).
        since: loop time at which the request came in that the task serves; it counts as waiting
            since then, so that the last step of an old request goes before the first of a new one.
            Inherited from `serving` if not given.
        timeout: seconds that one attempt may run.
        deadline: seconds from now by when it must have ended, waiting included.
        retries: how many further attempts after a failure.
        retry_on: the errors that are worth another attempt.
        key: tasks of one key (a conversation, a model) share a fair place in the queue and, if
            set by `limit_key`, a bound on how many run at a time.
        preemptible: whether HIGH and CRITICAL work may cancel it and queue it again; it must be
            safe to start over.
        note: free words for the trace.
        kwargs: the function's keyword arguments.
    """

    name: str
    priority: TaskPriority
    task_type: TaskType
    device: str | None
    model: str | None
    memory: Memory
    batching: Batching | None
    since: float | None
    timeout: float | None
    deadline: float | None
    retries: int
    retry_on: tuple[type[BaseException], ...]
    key: str | None
    preemptible: bool
    note: str
    kwargs: Mapping[str, Any] | None


def configure(
    job: Job,
    *,
    name: str = "",
    priority: TaskPriority = TaskPriority.MEDIUM,
    task_type: TaskType = TaskType.DEFAULT,
    device: str | None = None,
    model: str | None = None,
    memory: Memory = 0,
    batching: Batching | None = None,
    since: float | None = None,
    timeout: float | None = None,
    deadline: float | None = None,
    retries: int = 0,
    retry_on: tuple[type[BaseException], ...] = (),
    key: str | None = None,
    preemptible: bool = False,
    note: str = "",
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Write the options into a job.

    Raises:
        InvalidTaskError: a bound is not positive, retries come without their errors, the
            priority is none, or what only a device has is asked for elsewhere.
    """
    # Written so that NaN is refused too: it would break the order of all the loop's timers.
    if not ((timeout is None or timeout > 0) and (deadline is None or deadline > 0)):
        raise InvalidTaskError("timeout and deadline are in seconds from now and must be positive")
    if retries < 0 or (retries and not retry_on):
        raise InvalidTaskError("retries need a positive number and retry_on=(the errors, …)")
    info = job.info
    if name:
        info.name = name
    try:
        info.priority = TaskPriority(priority)
    except ValueError as error:
        raise InvalidTaskError(f"{priority!r} is no priority: LOW=1 … CRITICAL=4") from error
    info.note = note
    if kwargs:
        job.kwargs = dict(kwargs)
    job.timeout = timeout
    if deadline is not None:
        job.deadline = asyncio.get_running_loop().time() + deadline
    job.since = inherited(asyncio.get_running_loop().time()) if since is None else since
    if task_type is TaskType.GPU_BOUND:
        job.device = device if device is not None and ":" in device else None
        _claim(job, model, memory, batching)
    elif model is not None or memory or batching is not None:
        raise InvalidTaskError(
            "model, memory and batching belong to a device: use task_type=TaskType.GPU_BOUND"
        )
    job.retries = retries
    job.retry_on = retry_on
    job.key = key
    job.preemptible = preemptible


def _claim(job: Job, model: str | None, memory: Memory, batching: Batching | None) -> None:
    """Note what a task needs of its device."""
    job.model = model
    job.memory = memory(*job.args, **job.kwargs) if callable(memory) else memory
    if not isinstance(job.memory, int) or job.memory < 0:
        raise InvalidTaskError(f"memory is a number of bytes, not {job.memory!r}")
    if batching is None:
        return
    job.batching = batching
    if len(job.args) != 1 or job.kwargs:
        raise InvalidTaskError("a task that may be batched has one argument, its item")
    try:
        hash((job.fn, batching))
    except TypeError as error:
        raise InvalidTaskError(
            f"what is batched needs a hashable function and key: {error}"
        ) from error
