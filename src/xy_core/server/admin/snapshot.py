"""What the runtime is doing at one moment, as plain JSON."""

from __future__ import annotations

import time
from itertools import islice

from pydantic import BaseModel

from xy_core.core.engine import CoreEngine
from xy_core.core.histogram import Quantiles
from xy_core.core.lane import LaneStatistics
from xy_core.core.model import ModelState
from xy_core.core.module import HealthStatus
from xy_core.core.seat import DeviceStatistics
from xy_core.core.task import TaskInfo, TaskStatus


class Durations(BaseModel):
    """Quantiles of durations, in seconds, since the program began."""

    count: int
    p50: float
    p95: float
    p99: float
    maximum: float


class Lane(BaseModel):
    """A lane: what waits, what runs, what has ended."""

    name: str
    waiting: int
    running: int
    workers: int
    paused: bool
    ended: dict[str, int]
    wait: Durations
    run: Durations


class Memory(BaseModel):
    """The books of a device's memory, in bytes."""

    total: int
    promised: int
    free: int
    driver_free: int
    foreign: int


class ResidentModel(BaseModel):
    """A model on a device; sizes in bytes."""

    name: str
    state: ModelState
    variant: str
    size: int
    full_size: int
    users: int
    uses: int


class Lease(BaseModel):
    """Memory that is promised to a model or to a task, in bytes."""

    holder: str
    size: int
    taken: int


class Device(BaseModel):
    """An inference device; its memory is null while it does not answer."""

    name: str
    kind: str
    title: str
    slots: int
    running: int
    memory: Memory | None
    models: list[ResidentModel]
    leases: list[Lease]


class ActiveTask(BaseModel):
    """A task that waits or runs; times in seconds since the epoch."""

    task_id: str
    name: str
    task_type: str
    priority: str
    lane: str
    status: TaskStatus
    created_at: float
    started_at: float | None
    worker: str
    device: str


class Snapshot(BaseModel):
    """The runtime at one moment.

    Attributes:
        time: seconds since the epoch.
        status: of all modules together.
        lanes: in the order in which they were opened.
        devices: with their memory and models.
        loop_lag: how late the event loop runs; null if nobody watches.
        tasks: those under way, at most 500.
        tasks_left_out: how many more there are.
    """

    time: float
    status: HealthStatus
    lanes: list[Lane]
    devices: list[Device]
    loop_lag: Durations | None
    tasks: list[ActiveTask]
    tasks_left_out: int


_MOST_TASKS = 500


def lanes_of(engine: CoreEngine) -> list[Lane]:
    """Return the figures of all lanes."""
    return [_lane(one) for one in engine.scheduler.statistics().values()]


def devices_of(engine: CoreEngine) -> list[Device]:
    """Return all devices, with a fresh reading of their memory."""
    return [_device(one) for one in engine.scheduler.devices()]


def snapshot_of(engine: CoreEngine) -> Snapshot:
    """Return everything at this moment."""
    report = engine.last_report()
    active = engine.scheduler.active()
    return Snapshot(
        time=time.time(),
        status=report.status,
        lanes=[_lane(one) for one in report.lanes.values()],
        devices=[_device(one) for one in report.devices],
        loop_lag=None if report.loop_lag is None else _durations(report.loop_lag),
        tasks=[_task(one) for one in islice(active, _MOST_TASKS)],
        tasks_left_out=max(0, len(active) - _MOST_TASKS),
    )


def _lane(lane: LaneStatistics) -> Lane:
    return Lane.model_validate(lane, from_attributes=True)


def _device(device: DeviceStatistics) -> Device:
    return Device(
        name=device.name,
        kind=device.kind.value,
        title=device.title,
        slots=device.slots,
        running=device.running,
        memory=device.memory and Memory.model_validate(device.memory, from_attributes=True),
        models=[ResidentModel.model_validate(one, from_attributes=True) for one in device.models],
        leases=[Lease.model_validate(one, from_attributes=True) for one in device.leases],
    )


def _durations(found: Quantiles) -> Durations:
    return Durations.model_validate(found, from_attributes=True)


def _task(task: TaskInfo) -> ActiveTask:
    return ActiveTask.model_validate(task.as_json())
