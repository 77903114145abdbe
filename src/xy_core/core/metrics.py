"""The scheduler's figures in the forms that monitoring systems read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xy_core.core.errors import MissingExtraError
from xy_core.core.histogram import Quantiles
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskInfo
from xy_core.core.trace import Trace
from xy_core.core.watchdog import LoopWatchdog

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer
    from prometheus_client.core import GaugeMetricFamily, Metric

_NANOSECONDS = 1_000_000_000


class SchedulerCollector:
    """Gives a Prometheus registry the figures of lanes and loop, read at each scrape.

    ``registry.register(SchedulerCollector(scheduler, watchdog))``. Names follow Prometheus'
    conventions: base units (seconds) and the suffix ``_total`` for counters.

    Raises:
        MissingExtraError: prometheus_client is not installed.
    """

    def __init__(
        self, scheduler: GlobalTaskScheduler, watchdog: LoopWatchdog | None = None
    ) -> None:
        try:
            import prometheus_client.core as families  # noqa: PLC0415 - an optional extra
        except ImportError as error:
            raise MissingExtraError("prometheus-client", "observe") from error
        self._families = families
        self._scheduler = scheduler
        self._watchdog = watchdog

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families; called by the registry."""
        gauge, counter = self._families.GaugeMetricFamily, self._families.CounterMetricFamily
        waiting = gauge("xy_core_tasks_waiting", "Tasks in a lane's queue.", labels=["lane"])
        running = gauge("xy_core_tasks_running", "Tasks that hold a slot.", labels=["lane"])
        workers = gauge("xy_core_workers", "Slots of a lane.", labels=["lane"])
        ended = counter("xy_core_tasks", "Tasks that ended.", labels=["lane", "status"])
        wait = self._quantile_family("xy_core_task_wait_seconds", "From submission to start.")
        run = self._quantile_family("xy_core_task_run_seconds", "From start to end.")
        for name, lane in self._scheduler.statistics().items():
            waiting.add_metric([name], lane.waiting)
            running.add_metric([name], lane.running)
            workers.add_metric([name], lane.workers)
            for status, count in lane.ended.items():
                ended.add_metric([name, status], count)
            _add_quantiles(wait, name, lane.wait)
            _add_quantiles(run, name, lane.run)
        yield from (waiting, running, workers, ended, wait, run)
        if self._watchdog is not None:
            lag = self._quantile_family("xy_core_loop_lag_seconds", "How late the loop runs.")
            _add_quantiles(lag, "loop", self._watchdog.lag)
            yield lag

    def _quantile_family(self, name: str, text: str) -> GaugeMetricFamily:
        return self._families.GaugeMetricFamily(name, text, labels=["lane", "quantile"])


def _add_quantiles(family: GaugeMetricFamily, lane: str, values: Quantiles) -> None:
    for quantile, value in (("0.5", values.p50), ("0.95", values.p95), ("0.99", values.p99)):
        family.add_metric([lane, quantile], value)


def export_spans(trace: Trace, tracer: Tracer | None = None) -> int:
    """Hand every ended task of a trace to OpenTelemetry as a span; returns how many.

    Args:
        trace: the scheduler's trace.
        tracer: where to; the globally configured one if not given.

    Raises:
        MissingExtraError: the OpenTelemetry API is not installed.
    """
    try:
        from opentelemetry import trace as otel  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise MissingExtraError("opentelemetry-api", "observe") from error
    target = tracer or otel.get_tracer("xy_core")
    tasks = {id(event.task): event.task for event in trace if event.task.status.final}
    for task in tasks.values():
        span = target.start_span(task.name, start_time=_nanoseconds(task.created_at))
        span.set_attributes(_attributes(task))
        if task.error:
            span.set_status(otel.StatusCode.ERROR, task.error)
        span.end(_nanoseconds(task.ended_at or task.created_at))
    return len(tasks)


def _attributes(task: TaskInfo) -> dict[str, str | int | float]:
    waited = (task.started_at or task.ended_at or task.created_at) - task.created_at
    return {
        "xy_core.task_id": task.task_id,
        "xy_core.lane": task.lane,
        "xy_core.worker": task.worker,
        "xy_core.priority": task.priority.name,
        "xy_core.status": task.status.value,
        "xy_core.attempts": task.attempts,
        "xy_core.wait_seconds": waited,
    }


def _nanoseconds(seconds: float) -> int:
    return int(seconds * _NANOSECONDS)
