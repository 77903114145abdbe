"""Brings the models that waiting tasks need, before a device is free for them if there is room."""

from __future__ import annotations

from collections.abc import Callable

from xy_core.core.backlog import Backlog, Candidate
from xy_core.core.errors import DeviceError
from xy_core.core.eviction import IDLE, Claim
from xy_core.core.seat import Seat

_SMOOTHING = 0.2
"""Weight of the newest run in a model's typical run time."""


class Prefetch:
    """Decides which model comes to which device next.

    A model is brought for the first tasks in line; it may evict others only if their next tasks
    are not due before. Where only its working memory is missing to a task, models go for it
    likewise. A model that is loaded already comes to a further device when its line would take
    longer than one more load, and that device has nothing to do (replication).
    """

    def __init__(self, backlog: Backlog, failed: Callable[[Candidate, DeviceError], None]) -> None:
        """Look ahead in a backlog.

        Args:
            backlog: what waits, and for which devices.
            failed: told of a task that no device can be prepared for.
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
            try:
                self._provide(candidate)
            except DeviceError as error:
                self._failed(candidate, error)

    def _provide(self, candidate: Candidate) -> None:
        """Make room where the model is, or bring it where it is not."""
        model = candidate.line.model
        seats = [seat for seat in self._backlog.seats if candidate.line.fits(seat)]
        holders = [seat for seat in seats if model is None or seat.expects(model)]
        errors: list[DeviceError] = []
        unfit: list[Seat] = []
        for seat in holders:
            try:
                self._make_room(candidate, seat)
            except DeviceError as error:
                errors.append(error)
                unfit.append(seat)
        holders = [seat for seat in holders if seat not in unfit]
        others = [seat for seat in seats if seat not in holders and seat not in unfit]
        if model is not None and (not holders or self._worth_another(model, holders, seats)):
            errors += self._bring(candidate, model, others, further=bool(holders))
        if errors and len(errors) == len(seats):
            raise errors[0]

    def _make_room(self, candidate: Candidate, seat: Seat) -> None:
        """Free working memory for a task that lacks nothing else.

        While others compute there, whose memory will come free, only idle models go for it.
        """
        model = candidate.line.model
        if seat.has_place(model) and seat.holds(model):
            limit = IDLE if seat.running else candidate.rank + self._backlog.bonus
            working = self._backlog.expected(candidate.job, seat)
            with seat.noticing_loss():
                seat.residency.make_room(model, working, self._claim(seat, limit))

    def _bring(
        self, candidate: Candidate, model: str, seats: list[Seat], *, further: bool
    ) -> list[DeviceError]:
        """Bring a model to the emptiest device that can take it; returns why others cannot."""
        still = [seat for seat in seats if not seat.residency.moving]
        if further:
            still = [seat for seat in still if not seat.running]
        limit = IDLE if further else candidate.rank + self._backlog.bonus
        errors: list[DeviceError] = []
        for seat in sorted(still, key=_emptiest_first):
            working = self._backlog.expected(candidate.job, seat)
            try:
                with seat.noticing_loss():
                    if seat.residency.bring(model, working, self._claim(seat, limit)):
                        return []
            except DeviceError as error:
                errors.append(error)
        return errors

    def _worth_another(self, model: str, holders: list[Seat], seats: list[Seat]) -> bool:
        """Whether its tasks would take longer where a model is than another load would."""
        typical = self._typical.get(model)
        if typical is None or len(holders) == len(seats):
            return False
        waiting = sum(len(line.queue) for line in self._backlog.lines if line.model == model)
        wait = waiting * typical / sum(seat.slots for seat in holders)
        return wait > holders[0].residency.load_seconds(model)

    def _claim(self, seat: Seat, limit: float) -> Claim:
        heads: dict[str, float] = {}
        for line in self._backlog.lines:
            head = line.queue.head() if line.model is not None and line.fits(seat) else None
            if head is not None and line.model is not None:
                heads[line.model] = min(heads.get(line.model, IDLE), head[0])
        return Claim(limit, lambda model: heads.get(model, IDLE))


def _emptiest_first(seat: Seat) -> tuple[int, int]:
    return seat.running, -seat.free
