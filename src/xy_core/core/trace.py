"""What the scheduler did, kept in a ring and written in formats that other tools read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from xy_core.core.task import TaskInfo


class TraceEvent(NamedTuple):
    """One moment in a task's life.

    Attributes:
        ts: seconds since the epoch.
        event: ``task_scheduled``, ``worker_start``, ``task_completed``, ``task_failed``,
            ``task_cancelled``, ``task_timed_out``, ``task_retried`` or ``task_preempted``.
        task: the task's record; later events change its status, not its identity.
        worker: the slot that runs it, empty while it waits.
        duration: how long the attempt ran, in seconds; None while it has not ended.
    """

    ts: float
    event: str
    task: TaskInfo
    worker: str = ""
    duration: float | None = None


_FIELDS = len(TraceEvent._fields)


class Trace:
    """A bounded record of scheduler events; the oldest give way."""

    __slots__ = ("_recorded", "_ring")

    def __init__(self, capacity: int) -> None:
        # The fields of all events in one row: an object an event would be one more thing that
        # the garbage collector looks at again and again.
        self._ring: deque[Any] = deque(maxlen=capacity * _FIELDS)
        self._recorded = 0

    @property
    def dropped(self) -> int:
        """How many events have given way."""
        return self._recorded - len(self)

    @property
    def recorded(self) -> int:
        """How many events there have been; a mark for `since`."""
        return self._recorded

    def since(self, mark: int, limit: int) -> tuple[list[TraceEvent], int]:
        """Return events after a mark, oldest first, and the mark after them.

        Those that have given way meanwhile are passed over.

        Args:
            mark: what `recorded`, or an earlier call, gave.
            limit: how many at most.
        """
        first = max(mark, self.dropped)
        behind = max(0, self._recorded - first)
        taken = min(behind, limit)
        skipped = (behind - taken) * _FIELDS
        newest_first = islice(reversed(self._ring), skipped, skipped + taken * _FIELDS)
        fields = iter(list(newest_first)[::-1])
        events = list(map(TraceEvent._make, zip(*[fields] * _FIELDS, strict=True)))
        return events, first + taken

    def of(self, task: TaskInfo) -> list[TraceEvent]:
        """Return the events of one task, oldest first."""
        fields = iter(tuple(self._ring))
        rows = zip(*[fields] * _FIELDS, strict=True)
        return [TraceEvent._make(row) for row in rows if row[2] is task]

    def copy(self) -> Trace:
        """Return the events of this moment, which another thread may then read."""
        made = Trace(0)
        made._ring = self._ring.copy()
        made._recorded = self._recorded
        return made

    def record(
        self,
        event: str,
        task: TaskInfo,
        worker: str = "",
        duration: float | None = None,
        ts: float | None = None,
    ) -> None:
        """Append one event; `ts` defaults to now."""
        self._recorded += 1
        self._ring.extend((time.time() if ts is None else ts, event, task, worker, duration))

    def __len__(self) -> int:
        return len(self._ring) // _FIELDS

    def __iter__(self) -> Iterator[TraceEvent]:
        fields = iter(tuple(self._ring))
        return map(TraceEvent._make, zip(*[fields] * _FIELDS, strict=True))

    def as_report(self) -> list[dict[str, Any]]:
        """Return the events in the report's schema, plus each task's name, lane and type.

        Keys: ``ts`` (s), ``event``, ``task_id``, ``priority``, ``worker``, ``duration_ms``,
        ``note``, ``node``, ``name``, ``lane``, ``task_type``; those that do not apply are left out.
        """
        return [_report_row(event) for event in self]

    def as_perfetto(self) -> dict[str, Any]:
        """Return a Chrome trace (JSON object format): a process a lane, a thread a worker.

        What another machine computed is shown a second time, in a process for that machine.

        Open it at ui.perfetto.dev or in ``chrome://tracing``.
        """
        return {"traceEvents": list(self.perfetto_rows()), "displayTimeUnit": "ms"}

    def perfetto_rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of `as_perfetto` one by one."""
        return _perfetto_rows(self)


def _report_row(event: TraceEvent) -> dict[str, Any]:
    task = event.task
    row: dict[str, Any] = {
        "ts": round(event.ts, 6),
        "event": event.event,
        "task_id": task.task_id,
        "priority": task.priority.name,
    }
    if event.worker:
        row["worker"] = event.worker
    if event.duration is not None:
        row["duration_ms"] = round(event.duration * 1000, 3)
    if task.note:
        row["note"] = task.note
    if task.node:
        row["node"] = task.node
    return row | {"name": task.name, "lane": task.lane, "task_type": task.task_type.value}


def _perfetto_rows(events: Trace) -> Iterator[dict[str, Any]]:
    tracks = _Tracks()
    for event in events:
        task = event.task
        yield from _perfetto_event(event, tracks, f"lane {task.lane}")
        if task.node and event.duration is not None:
            yield from _perfetto_event(event, tracks, f"node {task.node}")


class _Tracks:
    """Numbers processes and threads as they are first seen."""

    def __init__(self) -> None:
        self._processes: dict[str, int] = {}
        self._threads: dict[tuple[str, str], int] = {}
        self.news: list[dict[str, Any]] = []

    def of(self, process: str, thread: str) -> tuple[int, int]:
        """Return the numbers; the rows that name them are put into `news`."""
        pid = self._processes.get(process)
        if pid is None:
            pid = self._processes[process] = len(self._processes) + 1
            self.news.append(_perfetto_name("process_name", pid, 0, process))
        tid = self._threads.get((process, thread))
        if tid is None:
            tid = self._threads[process, thread] = len(self._threads) + 1
            self.news.append(_perfetto_name("thread_name", pid, tid, thread))
        return pid, tid


def _perfetto_event(event: TraceEvent, tracks: _Tracks, process: str) -> Iterator[dict[str, Any]]:
    task = event.task
    pid, tid = tracks.of(process, event.worker or "waiting")
    yield from tracks.news
    tracks.news.clear()
    row: dict[str, Any] = {
        "name": task.name,
        "cat": task.task_type.value,
        "pid": pid,
        "tid": tid,
        "args": {"task_id": task.task_id, "priority": task.priority.name, "note": task.note},
    }
    if event.duration is None:
        yield row | {"ph": "i", "s": "t", "name": event.event, "ts": event.ts * 1e6}
    else:
        begun = (event.ts - event.duration) * 1e6
        yield row | {"ph": "X", "ts": begun, "dur": event.duration * 1e6}


def _perfetto_name(kind: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}
