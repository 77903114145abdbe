"""Settings of the core: lanes, history, trace, bus, shutdown, log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)


class StrictModel(BaseModel):
    """A section of the configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LaneConfig(StrictModel):
    """How one lane queues and scales."""

    min_workers: int = Field(1, ge=1, description="Slots that are always there.")
    max_workers: int = Field(1, ge=1, description="Slots that waiting tasks can call up.")
    queue_size: int = Field(10_000, ge=1, description="Waiting tasks before QueueFull.")
    grow_after: float = Field(0.05, gt=0, description="Seconds of waiting that add a slot.")
    shrink_after: float = Field(5.0, gt=0, description="Idle seconds that take a slot away.")

    @model_validator(mode="after")
    def _ordered(self) -> LaneConfig:
        if self.min_workers > self.max_workers:
            raise ValueError("min_workers must not exceed max_workers")
        return self


class ProcessConfig(LaneConfig):
    """Worker processes; none runs before the first task."""

    memory: int | None = Field(None, gt=0, description="Bytes of data that each may use.")
    cores: tuple[int, ...] | None = Field(None, description="Processors that they may run on.")
    nice: int = Field(10, ge=0, le=19, description="How much they step back behind the loop.")
    recycle_after: int = Field(0, ge=0, description="Tasks after which one is replaced; 0: never.")
    idle_seconds: float = Field(60.0, gt=0, description="Seconds without a task that end it.")


class HostConfig(StrictModel):
    """A process that one model has to itself."""

    memory: int | None = Field(None, gt=0, description="Bytes of data that it may use.")
    cores: tuple[int, ...] | None = Field(None, description="Processors that it may run on.")
    nice: int = Field(5, ge=0, le=19, description="How much it steps back behind the loop.")
    calls: int = Field(16, ge=1, le=256, description="Calls that it serves at a time.")
    shared_memory: int = Field(
        1 << 30, ge=1 << 20, description="Bytes of arrays under way in one direction, at most."
    )
    start_timeout: float = Field(120.0, gt=0, description="Seconds to start and load.")
    stop_timeout: float = Field(3.0, gt=0, description="Seconds to end before it is killed.")
    cancel_grace: float = Field(
        5.0, gt=0, description="Seconds that a cancelled call gets before the process is killed."
    )
    ping_every: float = Field(5.0, gt=0, description="Seconds between two health checks.")
    ping_timeout: float = Field(30.0, gt=0, description="Seconds of silence that end it.")
    retries: int = Field(
        1, ge=0, le=5, description="New attempts of a call that a crash left without any item."
    )
    backoff: float = Field(0.2, gt=0, description="Seconds before a restart; doubles each time.")
    max_restarts: int = Field(5, ge=0, description="Restarts within `window` before it rests.")
    window: float = Field(60.0, gt=0, description="Seconds that restarts count, and of the rest.")


class HostedConfig(StrictModel):
    """The settings of a module whose models may have processes of their own."""

    isolation: Literal["none", "process"] = Field(
        "none", description="process: each model in a process of its own."
    )
    process: HostConfig = Field(HostConfig(), description="How such a process is kept.")


class DeviceConfig(StrictModel):
    """An inference device and how many tasks may compute on it at a time."""

    name: str = Field(min_length=1, description="cpu, cuda:0, …")
    slots: int = Field(4, ge=1, description="Tasks that may compute at a time.")
    queue_size: int = Field(1_000, ge=1, description="Waiting tasks before QueueFull.")


def _cores() -> int:
    return os.cpu_count() or 1


class SchedulerConfig(StrictModel):
    """How the GlobalTaskScheduler weighs, bounds and remembers tasks."""

    aging: float = Field(10.0, gt=0, description="Seconds of waiting worth one priority step.")
    fairness: float = Field(
        0.25, ge=0, description="Seconds by which each waiting task of a key sets back the next."
    )
    history_size: int = Field(10_000, ge=0, description="Ended tasks that are remembered.")
    history_seconds: float = Field(3600.0, gt=0, description="How long they are remembered.")
    trace_size: int = Field(
        30_000, ge=1, description="Events in the trace's ring: about three a task."
    )
    default: LaneConfig = LaneConfig(min_workers=64, max_workers=1024, queue_size=100_000)
    cpu: LaneConfig = Field(
        default_factory=lambda: LaneConfig(min_workers=_cores(), max_workers=_cores())
    )
    process: ProcessConfig = Field(
        default_factory=lambda: ProcessConfig(min_workers=_cores(), max_workers=_cores())
    )
    devices: tuple[DeviceConfig, ...] = Field(
        (DeviceConfig(name="cpu"),), min_length=1, description="The first is the default device."
    )

    @field_validator("default", "cpu", "process", mode="before")
    @classmethod
    def _over_own_defaults(cls, value: Any, info: ValidationInfo) -> Any:
        """Put single keys over this lane's own defaults, not over those of any lane."""
        if not isinstance(value, Mapping):
            return value
        field = cls.model_fields[info.field_name or ""]
        usual: LaneConfig = field.get_default(call_default_factory=True)
        return _fitting_bounds(usual.model_dump() | dict(value), value)


def _fitting_bounds(values: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Let the bound that was given move the one that was not."""
    try:
        least, most = int(values["min_workers"]), int(values["max_workers"])
    except (TypeError, ValueError):
        return values  # not numbers: the lane's own validation says so
    if "min_workers" not in given:
        return values | {"min_workers": min(least, most)}
    if "max_workers" not in given:
        return values | {"max_workers": max(least, most)}
    return values


class BusConfig(StrictModel):
    """Bounds of the EventBus."""

    queue_size: int = Field(1_024, ge=1, description="Events a subscriber may lag behind.")
    request_timeout: float = Field(30.0, gt=0, description="Seconds to wait for a reply.")


class EngineConfig(StrictModel):
    """Time limits of the CoreEngine's phases, in seconds."""

    initialize_timeout: float = Field(120.0, gt=0)
    stop_timeout: float = Field(5.0, gt=0, description="For each module.")
    drain_timeout: float = Field(5.0, gt=0, description="For running tasks at shutdown.")


class LogConfig(StrictModel):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "warning"
    format: Literal["auto", "human", "json"] = Field(
        "auto", description="auto: human on a terminal, JSON otherwise."
    )
