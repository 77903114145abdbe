"""Settings of the core: lanes, history, trace, bus, journal, shutdown, log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
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


class NodeConfig(StrictModel):
    """What a model asks of the node of a cluster that takes it."""

    cpus: float = Field(1.0, ge=0, description="Processors that it reserves.")
    gpus: float = Field(0.0, ge=0, description="Graphics cards, or parts of one.")
    memory: ByteSize | None = Field(
        None, gt=0, description="Bytes that it reserves; what the model takes if not given."
    )
    resources: dict[str, float] = Field(
        default_factory=dict, description="Resources of your own that the node must offer."
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="Labels that the node must bear, as Ray selects them."
    )
    replicas: int = Field(
        1, ge=1, le=256, description="Processes that the model has, spread over nodes."
    )


class HostedConfig(StrictModel):
    """The settings of a module whose models may have processes of their own, here or elsewhere."""

    isolation: Literal["none", "process", "cluster"] = Field(
        "none",
        description="process: each model in a process of its own; cluster: on another node.",
    )
    process: HostConfig = Field(HostConfig(), description="How such a process is kept.")
    node: NodeConfig = Field(
        default_factory=NodeConfig, description="What each model asks of its node of the cluster."
    )
    nodes: dict[str, NodeConfig] = Field(
        default_factory=dict, description="The same for single models, by their ids."
    )

    @model_validator(mode="before")
    @classmethod
    def _computed_by_the_cluster(cls, values: Any) -> Any:
        """Let work on another node wait in the cluster's lane, if no other one is named."""
        if (
            "device" in cls.model_fields
            and isinstance(values, Mapping)
            and values.get("isolation") == "cluster"
        ):
            return {"device": "cluster"} | dict(values)
        return values

    def node_of(self, model: str) -> NodeConfig:
        """Return what a model asks of its node."""
        return self.nodes.get(model, self.node)


class SimConfig(StrictModel):
    """What a simulated device is like; see `SimDevice`."""

    speed: float = Field(1.0, gt=0, description="Seconds of work that it does in a second.")
    batch_efficiency: float = Field(
        1.0, ge=1, description="Throughput of a batch of batch_size, relative to single inputs."
    )
    batch_size: int = Field(4, ge=2, description="The batch for which batch_efficiency holds.")
    return_delay: float = Field(
        0.0, ge=0, description="Seconds until unloaded memory is shown as free."
    )
    foreign: ByteSize = Field(ByteSize(0), description="Bytes that other programs use.")

    @model_validator(mode="after")
    def _possible(self) -> SimConfig:
        if self.batch_efficiency > self.batch_size:
            raise ValueError("batch_efficiency must not exceed batch_size")
        return self


class DeviceConfig(StrictModel):
    """An inference device and how many tasks may compute on it at a time.

    Sizes are bytes, or text such as ``8GiB``.
    """

    name: str = Field(min_length=1, description="cpu, cuda:0, rocm:0, mps:0, xpu:0, npu:0, sim:0.")
    slots: int = Field(4, ge=1, description="Tasks that may compute at a time.")
    memory: ByteSize | None = Field(
        None, gt=0, description="Bytes that may be used, all if not given; a simulated one's size."
    )
    reserve: ByteSize = Field(
        ByteSize(0), description="Bytes that are left free for other programs."
    )
    load_bandwidth: ByteSize | None = Field(
        None, gt=0, description="Bytes a second at which models come; a guess if not given."
    )
    queue_size: int = Field(1_000, ge=1, description="Waiting tasks before QueueFull.")
    sim: SimConfig | None = Field(None, description="What a simulated device is like.")

    @model_validator(mode="after")
    def _simulated(self) -> DeviceConfig:
        if self.sim is not None and self.name.partition(":")[0] != "sim":
            raise ValueError(f"only devices named sim:N are simulated, not {self.name!r}")
        return self


def _cores() -> int:
    return os.cpu_count() or 1


class SchedulerConfig(StrictModel):
    """How the GlobalTaskScheduler weighs, bounds and remembers tasks."""

    aging: float = Field(10.0, gt=0, description="Seconds of waiting worth one priority step.")
    affinity: float = Field(
        5.0,
        ge=0,
        description="Seconds of waiting by which a task whose model is loaded may overtake others.",
    )
    swap_memory: ByteSize = Field(
        ByteSize(0), description="Bytes of host RAM into which idle models may be swapped."
    )
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


class JournalConfig(StrictModel):
    """Where durable and periodic tasks are recorded; the file is made when there is the first."""

    url: SecretStr | None = Field(
        None,
        description="Address of a PostgreSQL database (postgresql://…) that is used instead of "
        "the file, and that other engines may share.",
    )
    lease: float = Field(
        10.0,
        ge=0.5,
        le=3600,
        description="Seconds within which other engines take the shared tasks of one that died.",
    )
    claim: int = Field(
        64, ge=2, le=10_000, description="Shared tasks of one name that an engine takes at a time."
    )

    path: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("xy-core") / "journal.db",
        description="The SQLite file; one process at a time runs its tasks.",
    )
    synchronous: Literal["full", "normal"] = Field(
        "full",
        description="A task that was submitted survives power cuts (full) or crashes (normal).",
    )
    commit_interval: float = Field(
        0.02, gt=0, le=1, description="Seconds for which outcomes that nobody awaits are gathered."
    )
    queue_size: int = Field(10_000, ge=1, description="Changes that may wait to be written.")
    window: int = Field(
        512, ge=2, description="Tasks of one name in memory; more wait in the file alone."
    )
    max_payload: int = Field(
        1 << 20, ge=2, description="Characters of one task's arguments or result, as JSON."
    )
    keep_seconds: float = Field(86_400.0, gt=0, description="How long done tasks are remembered.")
    keep_done: int = Field(100_000, ge=0, description="Done tasks that are remembered.")


class EngineConfig(StrictModel):
    """How the CoreEngine bounds its phases and restarts modules; times in seconds."""

    initialize_timeout: float = Field(120.0, gt=0, description="For each module.")
    start_timeout: float = Field(30.0, gt=0, description="For each module.")
    stop_timeout: float = Field(5.0, gt=0, description="For each module.")
    drain_timeout: float = Field(5.0, gt=0, description="For running tasks at shutdown.")
    health_timeout: float = Field(2.0, gt=0, description="For a module to say how it is doing.")
    health_interval: float = Field(10.0, gt=0, description="Between two looks at all modules.")
    max_restarts: int = Field(3, ge=0, description="Of a failing module within the window.")
    restart_window: float = Field(300.0, gt=0, description="After which a restart is forgotten.")
    restart_backoff: float = Field(
        1.0, gt=0, description="Longest wait before the first restart; each next doubles it."
    )


class LogConfig(StrictModel):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "warning"
    format: Literal["auto", "human", "json"] = Field(
        "auto", description="auto: human on a terminal, JSON otherwise."
    )
