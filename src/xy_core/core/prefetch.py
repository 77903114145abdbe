"""Brings the models that waiting tasks need, before a device is free for them if there is room."""

from __future__ import annotations

import math
from collections.abc import Callable

from xy_core.core.backlog import Backlog, Candidate
from xy_core.core.errors import DeviceError, DeviceLost
from xy_core.core.eviction import IDLE, Due
from xy_core.core.line import Line
from xy_core.core.seat import Seat

_SMOOTHING = 0.2
"""Weight of the newest run in a model's typical run time."""


class Prefetch:
    """Decides which model comes to which device next.

    A model is brought for the first tasks in line; it may evict others only if their next tasks
    are not due before. A model that is loaded already comes to a further device when its line
    would take longer than one more load, and that device has nothing to do (replication).
    """

    def __init__(self, backlog: Backlog, failed: Callable[[Line, DeviceError], None]) -> None:
        """Look ahead in a backlog.

        Args:
            backlog: what waits, and for which devices.
            failed: told of a line whose model can be brought to no device.
        """
        self._backlog = backlog
        self._failed = failed
        self._typical: dict[str | None, float] = {}

    def note_run(self, model: str | None, seconds: float) -> None:
        """Learn how long a task of a model computes."""
        known = self._typical.get(model)
        self._typical[model] = seconds if known is None else known + (seconds - known) * _SMOOTHING

    def look(self) -> None:
        """Begin what can be begun now."""
        for candidate in self._backlog.candidates():
            model = candidate.line.model
            if model is not None:
                try:
                    self._bring(candidate, model)
                except DeviceError as error:
                    self._failed(candidate.line, error)

    def _bring(self, candidate: Candidate, model: str) -> None:
        line = candidate.line
        seats = [seat for seat in self._backlog.seats if line.fits(seat)]
        holders = [seat for seat in seats if seat.expects(model)]
        if holders and not self._worth_another(line, model, holders, seats):
            return
        others = [seat for seat in seats if seat not in holders and not seat.residency.moving]
        if holders:
            others = [seat for seat in others if not seat.running]
        limit = IDLE if holders else candidate.rank + self._backlog.bonus
        errors: list[DeviceError] = []
        for seat in sorted(others, key=_emptiest_first):
            due = self._due(seat, model, limit)
            try:
                if seat.residency.bring(model, candidate.job.memory, due):
                    return
            except DeviceError as error:
                seat.lost = seat.lost or isinstance(error, DeviceLost)
                errors.append(error)
        if errors and len(errors) == len(seats):
            raise errors[0]

    def _worth_another(
        self, line: Line, model: str, holders: list[Seat], seats: list[Seat]
    ) -> bool:
        """Whether the line would take longer where its model is than another load would."""
        typical = self._typical.get(model)
        if typical is None or len(holders) == len(seats):
            return False
        wait = len(line.queue) * typical / sum(seat.slots for seat in holders)
        return wait > holders[0].residency.load_seconds(model)

    def _due(self, seat: Seat, wanted: str, limit: float) -> Due:
        """When a model's next task is due, for `Residency.bring`."""
        heads: dict[str, float] = {}
        for line in self._backlog.lines:
            head = line.queue.head() if line.model is not None and line.fits(seat) else None
            if head is not None and line.model is not None:
                heads[line.model] = min(heads.get(line.model, math.inf), head[0])
        heads[wanted] = limit
        return lambda model: heads.get(model, IDLE)


def _emptiest_first(seat: Seat) -> tuple[int, int]:
    return seat.running, -seat.free
