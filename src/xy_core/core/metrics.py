"""The engine's figures in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xy_core.core.errors import MissingExtraError
from xy_core.core.health import ModuleReport
from xy_core.core.histogram import BOUNDS, Quantiles
from xy_core.core.lane import LaneStatistics
from xy_core.core.module import HealthStatus
from xy_core.core.routing import TopicCounts
from xy_core.core.seat import DeviceStatistics
from xy_core.core.task import TaskStatus

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from xy_core.core.engine import CoreEngine


class EngineCollector:
    """Gives a Prometheus registry the figures of an engine, read at each scrape.

    ``registry.register(EngineCollector(engine))``. Names follow Prometheus' guide: base units, the
    suffix ``_total`` for counters, and histograms, since quantiles of several processes cannot be
    added up. A module's status is the one that it had at the supervisor's last look.

    Raises:
        MissingExtraError: prometheus_client is not installed.
    """

    def __init__(self, engine: CoreEngine) -> None:
        try:
            import prometheus_client.core as families  # noqa: PLC0415 - an optional extra
        except ImportError as error:
            raise MissingExtraError("prometheus-client", "observe") from error
        self._families = families
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families; called by the registry."""
        report = self._engine.last_report()
        yield from self._lanes(report.lanes)
        yield from self._devices(report.devices)
        yield from self._topics(report.topics)
        yield from self._modules(report.modules)
        if report.loop_lag is not None:
            text = "How late the event loop runs."
            yield self._histograms("loop_lag_seconds", text, (), [((), report.loop_lag)])

    def _lanes(self, lanes: Mapping[str, LaneStatistics]) -> Iterator[Metric]:
        by_lane, all_lanes = ("lane",), lanes.items()
        yield self._gauge(
            "tasks_waiting",
            "Tasks in a lane's queue.",
            by_lane,
            (((name,), lane.waiting) for name, lane in all_lanes),
        )
        yield self._gauge(
            "tasks_running",
            "Tasks that hold a slot.",
            by_lane,
            (((name,), lane.running) for name, lane in all_lanes),
        )
        yield self._gauge(
            "workers",
            "Slots of a lane.",
            by_lane,
            (((name,), lane.workers) for name, lane in all_lanes),
        )
        yield self._counter(
            "tasks",
            "Tasks that ended.",
            ("lane", "status"),
            (
                ((name, status), count)
                for name, lane in all_lanes
                for status, count in lane.ended.items()
            ),
        )
        yield self._histograms(
            "task_wait_seconds",
            "From submission to start.",
            by_lane,
            (((name,), lane.wait) for name, lane in all_lanes),
        )
        yield self._histograms(
            "task_run_seconds",
            "From start to end of an attempt.",
            by_lane,
            (((name,), lane.run) for name, lane in all_lanes),
        )

    def _devices(self, devices: Sequence[DeviceStatistics]) -> Iterator[Metric]:
        known = [(device.name, device.memory) for device in devices if device.memory is not None]
        for name, text, figure in (
            ("device_memory_bytes", "Memory of a device that may be promised.", "total"),
            ("device_memory_promised_bytes", "Memory that is promised to somebody.", "promised"),
            ("device_memory_free_bytes", "Memory that may still be promised.", "free"),
        ):
            values = (((device,), getattr(memory, figure)) for device, memory in known)
            yield self._gauge(name, text, ("device",), values)
        up = (((device.name,), int(device.memory is not None)) for device in devices)
        yield self._gauge("device_up", "Whether a device answers.", ("device",), up)

    def _topics(self, topics: Mapping[str, TopicCounts]) -> Iterator[Metric]:
        for name, text, counted in (
            ("bus_events_published", "Events that were published.", "published"),
            ("bus_events_dropped", "Events that a subscriber lost.", "dropped"),
            ("bus_handler_failures", "Events on which a handler failed.", "failed"),
        ):
            values = (((topic,), getattr(counts, counted)) for topic, counts in topics.items())
            yield self._counter(name, text, ("topic_group",), values)

    def _modules(self, modules: Mapping[str, ModuleReport]) -> Iterator[Metric]:
        accounts = {name: module.usage.as_json() for name, module in modules.items()}
        yield self._gauge(
            "module_status",
            "1 for the status that a module has, 0 for the others.",
            ("module", "status"),
            (
                ((name, status.value), int(module.health.status is status))
                for name, module in modules.items()
                for status in HealthStatus
            ),
        )
        yield self._counter(
            "module_restarts",
            "Restarts of a module that had failed.",
            ("module",),
            (((name,), module.restarts) for name, module in modules.items()),
        )
        for family, name, text, final in (
            (self._gauge, "module_tasks_active", "Tasks of a module that wait or run.", False),
            (self._counter, "module_tasks", "Tasks of a module that ended.", True),
        ):
            yield family(
                name,
                text,
                ("module", "status"),
                (
                    ((name, status.value), account["tasks"][status.value])
                    for name, account in accounts.items()
                    for status in TaskStatus
                    if status.final is final
                ),
            )
        yield self._counter(
            "module_run_seconds",
            "How long a module's tasks ran.",
            ("module",),
            (((name,), account["run_seconds"]) for name, account in accounts.items()),
        )
        yield self._gauge(
            "module_memory_bytes",
            "By how much the process grew while a module was loaded.",
            ("module",),
            (((name,), account["memory_bytes"]) for name, account in accounts.items()),
        )

    def _gauge(self, name: str, text: str, labels: Labels, values: Values) -> Metric:
        return _filled(self._families.GaugeMetricFamily, name, text, labels, values)

    def _counter(self, name: str, text: str, labels: Labels, values: Values) -> Metric:
        return _filled(self._families.CounterMetricFamily, name, text, labels, values)

    def _histograms(
        self, name: str, text: str, labels: Labels, values: Iterable[tuple[Labels, Quantiles]]
    ) -> Metric:
        family = self._families.HistogramMetricFamily(f"xy_core_{name}", text, labels=labels)
        for place, summary in values:
            counts = summary.at_most or (0,) * len(BOUNDS)
            buckets = [(str(bound), count) for bound, count in zip(BOUNDS, counts, strict=True)]
            family.add_metric(place, [*buckets, ("+Inf", summary.count)], summary.total)
        return family


Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float]]


def _filled(family: Any, name: str, text: str, labels: Labels, values: Values) -> Metric:
    made = family(f"xy_core_{name}", text, labels=labels)
    for place, value in values:
        made.add_metric(place, value)
    return made
