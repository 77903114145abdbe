"""The words for tasks, and their record as JSON."""

from __future__ import annotations

import json

import pytest

from xy_core.core.task import TaskInfo, TaskPriority, TaskStatus, TaskType


def test_priorities_are_ordered():
    assert sorted(TaskPriority) == [
        TaskPriority.LOW,
        TaskPriority.MEDIUM,
        TaskPriority.HIGH,
        TaskPriority.CRITICAL,
    ]


@pytest.mark.parametrize("status", TaskStatus)
def test_only_pending_and_running_can_change(status):
    assert status.final == (status not in {TaskStatus.PENDING, TaskStatus.RUNNING})


def test_a_record_is_plain_json():
    info = TaskInfo("task_1", "math.add", TaskType.CPU_BOUND, TaskPriority.HIGH, "cpu", 1.5)
    record = json.loads(json.dumps(info.as_json()))
    assert record["task_type"] == "cpu_bound"
    assert record["priority"] == "HIGH"
    assert record["status"] == "pending"
    assert record["started_at"] is None
