"""Every option that can be given reaches the task."""

from __future__ import annotations

import inspect

from xy_core.core.job import TaskHandle
from xy_core.core.options import TaskOptions, configure
from xy_core.core.task import TaskPriority, TaskType


def test_the_options_are_those_that_a_job_takes_in():
    takes = inspect.signature(configure).parameters.keys() - {"job"}
    assert TaskOptions.__annotations__.keys() == takes


async def test_options_are_written_into_the_job(scheduler):
    scheduler.lane("cpu").pause()
    handle: TaskHandle[str] = scheduler.submit(
        "{0}{x}".format,
        1,
        name="test.format",
        priority=TaskPriority.LOW,
        task_type=TaskType.CPU_BOUND,
        timeout=1.0,
        deadline=60.0,
        retries=2,
        retry_on=(OSError,),
        key="model",
        preemptible=True,
        note="words",
        kwargs={"x": 2},
    )
    job = handle
    assert (job.info.name, job.info.note, job.info.priority) == ("test.format", "words", 1)
    assert (job.timeout, job.retries, job.retry_on) == (1.0, 2, (OSError,))
    assert (job.key, job.preemptible, job.kwargs) == ("model", True, {"x": 2})
    scheduler.lane("cpu").resume()
    assert await handle == "12"


async def test_the_functions_name_is_the_tasks_name_by_default(scheduler):
    handle = scheduler.submit(
        test_the_options_are_those_that_a_job_takes_in, task_type=TaskType.CPU_BOUND
    )
    assert handle.info.name == "test_the_options_are_those_that_a_job_takes_in"
    await handle
