"""What waits for the devices of one lane, and which of it may start where."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from xy_core.core.errors import DeviceError
from xy_core.core.job import Job
from xy_core.core.keys import KeyTable
from xy_core.core.model import ModelState
from xy_core.core.queue import RANK_STEP, ReadyQueue
from xy_core.core.residency import IDLE, Residency

_SMOOTHING = 0.2
"""Weight of the newest run in a model's typical run time."""


@dataclass(slots=True, eq=False)
class Seat:
    """One device of the lane, and the tasks that it computes now.

    Attributes:
        residency: its models and memory.
        slots: tasks that may compute at a time.
        running: tasks that do.
    """

    residency: Residency
    slots: int
    running: int = 0

    @property
    def name(self) -> str:
        """The device's name."""
        return self.residency.device.name


class _Line:
    """The waiting tasks of one model (or of none) that may use the same devices."""

    __slots__ = ("device", "model", "queue", "typical")

    def __init__(self, model: str | None, device: str | None, queue: ReadyQueue) -> None:
        self.model = model
        self.device = device
        self.queue = queue
        self.typical = 0.0

    def fits(self, seat: Seat) -> bool:
        """Whether its tasks may run there."""
        return self.device is None or self.device == seat.name


class _Candidate(NamedTuple):
    """The first task of a line; the smaller its `order`, the sooner it should start."""

    order: float
    rank: float
    number: int
    line: _Line
    job: Job


class Backlog:
    """The queue of a device lane.

    Tasks wait in the order of `ReadyQueue`, a line a model. A task whose model is loaded overtakes
    others by at most `affinity` seconds of waiting, so a device does not change models for every
    task, and nobody waits much longer for it. A task that cannot start because its memory is not
    free does not hold up the others before it is due; from then on the room is kept for it.
    """

    def __init__(
        self,
        seats: Sequence[Seat],
        *,
        aging: float,
        affinity: float,
        keys: KeyTable,
        failed: Callable[[Job, Exception], None],
    ) -> None:
        self._seats = seats
        self._aging = aging
        self._bonus = affinity / RANK_STEP
        self._keys = keys
        self._failed = failed
        self._lines: dict[tuple[str | None, str | None], _Line] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return sum(len(line.queue) for line in self._lines.values())

    # -- as any queue ------------------------------------------------------------------------

    def push(self, job: Job, now: float) -> None:
        """Add a job; `now` is the loop's clock, in seconds."""
        self._line(job).queue.push(job, now)

    def push_back(self, job: Job) -> None:
        """Add a job again that had left; it keeps its age."""
        self._line(job).queue.push_back(job)

    def discard(self, job: Job) -> None:
        """Remove a waiting job."""
        self._line(job).queue.discard(job)

    def clear(self) -> list[Job]:
        """Remove and return all waiting jobs."""
        return [job for line in self._lines.values() for job in line.queue.clear()]

    def pop(self) -> Job | None:
        """Remove and return the first job that may start now, with its `Job.admission`."""
        kept: dict[str, float] = {}
        for candidate in self._candidates():
            seat = self._seat_for(candidate, kept)
            if seat is not None:
                seat.running += 1
                return candidate.line.queue.pop()
        return None

    def release(self, job: Job, ran: float) -> None:
        """Take back what an ended job was lent; it computed for `ran` seconds."""
        admission, job.admission = job.admission, None
        if admission is None:
            return
        line = self._line(job)
        line.typical += (ran - line.typical) * (_SMOOTHING if line.typical else 1.0)
        for seat in self._seats:
            if seat.name == job.info.device:
                seat.running -= 1
                seat.residency.release(admission)

    # -- models that are not there -------------------------------------------------------------

    def look_ahead(self) -> None:
        """Let the devices bring the models that waiting tasks need, as far as there is room."""
        for candidate in self._candidates():
            if candidate.line.model is not None:
                try:
                    self._look_for(candidate)
                except DeviceError as error:
                    for job in candidate.line.queue.clear():
                        self._failed(job, error)

    def _look_for(self, candidate: _Candidate) -> None:
        line = candidate.line
        seats = [seat for seat in self._seats if line.fits(seat)]
        holders = [seat for seat in seats if _coming(seat, line.model)]
        if holders and not self._worth_another(line, holders, seats):
            return
        others = [seat for seat in seats if seat not in holders and not seat.residency.moving]
        if holders:
            others = [seat for seat in others if not seat.running]
        others.sort(key=lambda seat: -seat.residency.ledger.free())
        for seat in others:
            limit = IDLE if holders else candidate.rank + self._bonus
            if seat.residency.bring(
                str(line.model), candidate.job.memory, self._due(seat, str(line.model), limit)
            ):
                return

    def _worth_another(self, line: _Line, holders: list[Seat], seats: list[Seat]) -> bool:
        """Whether the line would take longer where its model is than another load would."""
        if len(holders) == len(seats) or not line.typical:
            return False
        wait = len(line.queue) * line.typical / sum(seat.slots for seat in holders)
        return wait > holders[0].residency.load_seconds(str(line.model))

    def _due(self, seat: Seat, wanted: str, limit: float) -> Callable[[str], float]:
        """When a model's next task is due, for `Residency.bring`."""
        heads: dict[str, float] = {}
        for line in self._lines.values():
            if line.model is not None and line.fits(seat):
                head = line.queue.head()
                if head is not None:
                    heads[line.model] = min(heads.get(line.model, math.inf), head[0])
        heads[wanted] = limit
        return lambda model: heads.get(model, IDLE)

    # -- inside ------------------------------------------------------------------------------

    def _candidates(self) -> list[_Candidate]:
        return sorted(self._heads())

    def _heads(self) -> Iterator[_Candidate]:
        for number, line in enumerate(self._lines.values()):
            head = line.queue.head() if len(line.queue) else None
            if head is not None:
                rank, job = head
                ready = line.model is None or any(
                    line.fits(seat) and seat.residency.state(line.model) is ModelState.READY
                    for seat in self._seats
                )
                yield _Candidate(rank - self._bonus if ready else rank, rank, number, line, job)

    def _seat_for(self, candidate: _Candidate, kept: dict[str, float]) -> Seat | None:
        """Admit the job on the least busy device that can take it; notes where it must wait."""
        line, job = candidate.line, candidate.job
        seats = [
            seat
            for seat in self._seats
            if seat.running < seat.slots
            and line.fits(seat)
            and candidate.rank < kept.get(seat.name, math.inf)
        ]
        for seat in sorted(seats, key=lambda seat: seat.running):
            admission = seat.residency.admit(line.model, job.info.task_id, job.memory)
            if admission is not None:
                job.admission = admission
                job.info.device = seat.name
                return seat
            if line.model is None or seat.residency.state(line.model) is ModelState.READY:
                kept.setdefault(seat.name, candidate.rank + self._bonus)
        return None

    def _line(self, job: Job) -> _Line:
        place = (job.model, job.device)
        line = self._lines.get(place)
        if line is None:
            queue = ReadyQueue(aging=self._aging, keys=self._keys)
            line = self._lines[place] = _Line(job.model, job.device, queue)
        return line


def _coming(seat: Seat, model: str | None) -> bool:
    """Whether a model is there or on its way."""
    if model is None:
        return True
    return seat.residency.state(model) in {ModelState.READY, ModelState.LOADING}
