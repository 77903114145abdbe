"""One structured report of how a program is doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic_core import to_jsonable_python

from xy_core.core.histogram import Quantiles
from xy_core.core.lane import LaneStatistics
from xy_core.core.module import HealthStatus, ModuleHealth
from xy_core.core.routing import TopicCounts
from xy_core.core.seat import DeviceStatistics
from xy_core.core.usage import ModuleUsage
from xy_core.core.watchdog import Blocker


@dataclass(frozen=True, slots=True)
class ModuleReport:
    """One module.

    Attributes:
        health: its own word.
        usage: what it has cost.
        restarts: how often it was restarted after a failure.
        publishes: the topics of the events that others may hear from it.
    """

    health: ModuleHealth
    usage: ModuleUsage
    restarts: int
    publishes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return {
            "status": self.health.status.value,
            "detail": self.health.detail,
            "facts": dict(self.health.facts),
            "restarts": self.restarts,
            "publishes": list(self.publishes),
            "usage": self.usage.as_json(),
        }


@dataclass(frozen=True, slots=True)
class EngineReport:
    """The whole program at one moment.

    Attributes:
        modules: by name, those that failed too.
        lanes: by name; those of devices are called ``device:NAME``.
        devices: the inference devices, with their memory and models.
        topics: what became of events, by the first word of their topics.
        loop_lag: how late the event loop runs, in seconds; None if nobody watches.
        blockers: what blocked the loop for long, the latest last.
    """

    modules: Mapping[str, ModuleReport]
    lanes: Mapping[str, LaneStatistics]
    devices: Sequence[DeviceStatistics]
    topics: Mapping[str, TopicCounts]
    loop_lag: Quantiles | None
    blockers: Sequence[Blocker]

    @property
    def status(self) -> HealthStatus:
        """READY if every module is, FAILED if none runs any more, else DEGRADED."""
        statuses = {module.health.status for module in self.modules.values()}
        if statuses <= {HealthStatus.READY}:
            return HealthStatus.READY
        return HealthStatus.FAILED if statuses == {HealthStatus.FAILED} else HealthStatus.DEGRADED

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return {
            "status": self.status.value,
            "modules": {name: module.as_json() for name, module in self.modules.items()},
            "lanes": {name: _lane(lane) for name, lane in self.lanes.items()},
            "devices": {device.name: to_jsonable_python(device) for device in self.devices},
            "topics": to_jsonable_python(self.topics),
            "loop_lag": None if self.loop_lag is None else _summary(self.loop_lag),
            "blockers": to_jsonable_python(self.blockers),
        }


def _lane(lane: LaneStatistics) -> dict[str, Any]:
    return asdict(lane) | {"wait": _summary(lane.wait), "run": _summary(lane.run)}


def _summary(durations: Quantiles) -> dict[str, Any]:
    """For people, who do not read buckets."""
    found = asdict(durations)
    del found["at_most"]
    return found
