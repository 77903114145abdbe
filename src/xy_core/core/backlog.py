"""What waits for the devices of one lane, and which of it may start where."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from xy_core.core.errors import DeviceLost, DeviceMemoryError, InvalidTaskError, XyCoreError
from xy_core.core.job import Job
from xy_core.core.keys import KeyTable
from xy_core.core.line import Line, Place, place_of, suits
from xy_core.core.peaks import PeakTable
from xy_core.core.queue import RANK_STEP, ReadyQueue
from xy_core.core.seat import Seat
from xy_core.core.task import TaskPriority


class Candidate(NamedTuple):
    """The first task of a line; the smaller its `order`, the sooner it should start.

    Attributes:
        order: its rank, less a bonus if its model is loaded.
        rank: its place in the order of `ReadyQueue`.
        deadline: its deadline, which decides among equals, or infinity.
        arrival: since when it waits, or its request does; decides what is still a tie.
        number: decides the rest.
        line: where it waits.
        job: the task.
    """

    order: float
    rank: float
    deadline: float
    arrival: float
    number: int
    line: Line
    job: Job


class Backlog:
    """The queue of a device lane.

    Tasks wait in the order of `ReadyQueue`, a line a model and size. A task whose model is loaded
    overtakes others by at most `affinity` seconds of waiting, so a device does not change models
    for every task, and nobody waits much longer for it. A task that cannot start because its memory
    is not free does not hold up smaller ones before it is due; from then on the room is kept for
    it.

    Attributes:
        seats: the devices.
        bonus: the ranks by which a task of a loaded model may overtake.
    """

    def __init__(
        self, seats: Sequence[Seat], *, aging: float, affinity: float, keys: KeyTable
    ) -> None:
        self.seats = seats
        self.bonus = affinity / RANK_STEP
        self._aging = aging
        self._keys = keys
        self._clock = asyncio.get_running_loop().time
        self._lines: dict[Place, Line] = {}
        self._lent: list[tuple[float, Job]] = []
        self._peaks = PeakTable()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    @property
    def lines(self) -> list[Line]:
        """The lines; in each something waits."""
        return list(self._lines.values())

    def seat(self, name: str) -> Seat:
        """Return a device by its name."""
        return next(seat for seat in self.seats if seat.name == name)

    def check(self, job: Job) -> None:
        """Refuse a job that could never run here.

        Raises:
            InvalidTaskError: no device of the lane has that name, or knows the model.
            DeviceMemoryError: no device has that much memory.
        """
        if not any(suits(seat, None, job.device) for seat in self.seats):
            names = ", ".join(seat.name for seat in self.seats)
            raise InvalidTaskError(f"no device {job.device!r}: this lane has {names}")
        seats = [seat for seat in self.seats if suits(seat, job.model, job.device)]
        if not seats:
            raise InvalidTaskError(f"no model {job.model!r}: register it first")
        if all(seat.lost for seat in seats):
            for seat in seats:
                seat.ask()
            if all(seat.lost for seat in seats):
                raise DeviceLost(f"device {seats[0].name!r} does not answer any more")
        room = [(seat.residency.ledger.total, seat) for seat in seats]
        if all(total < seat.residency.least(job.model) + job.memory for total, seat in room):
            total, seat = max(room, key=itemgetter(0))
            wanted = seat.residency.least(job.model) + job.memory
            raise DeviceMemoryError(seat.name, wanted, total)

    def stranded(self) -> list[tuple[Line, XyCoreError]]:
        """Return the lines whose tasks no device could run any more, and why."""
        return [
            (line, self._why_stranded(line))
            for line in self.lines
            if not any(line.fits(seat) for seat in self.seats)
        ]

    def _why_stranded(self, line: Line) -> XyCoreError:
        if any(suits(seat, line.model, line.device) for seat in self.seats):
            return DeviceLost("no device is left that could run it")
        return InvalidTaskError(f"model {line.model!r} was withdrawn")

    def drop(self, line: Line) -> list[Job]:
        """Remove and return all jobs of a line."""
        jobs = line.queue.clear()
        self._waiting -= len(jobs)
        self._tidy(line)
        return jobs

    # -- as any queue ------------------------------------------------------------------------

    def push(self, job: Job, now: float) -> None:
        """Add a job; `now` is the loop's clock, in seconds."""
        self._waiting += 1
        self._line(job).queue.push(job, now)

    def push_back(self, job: Job) -> None:
        """Add a job again that had left; it keeps its age."""
        self._waiting += 1
        self._line(job).queue.push_back(job)

    def discard(self, job: Job) -> None:
        """Remove a waiting job."""
        if job.queued:
            self._waiting -= 1
            line = self._line(job)
            line.queue.discard(job)
            self._tidy(line)

    def clear(self) -> list[Job]:
        """Remove and return all waiting jobs."""
        jobs = [job for line in self._lines.values() for job in line.queue.clear()]
        self._lines.clear()
        self._waiting = 0
        return jobs

    def pop(self) -> Job | None:
        """Return the first job that may start now, or go on after it gave way.

        One that starts is removed and has its `Job.admission`, with a slot of its device.
        """
        kept: dict[str, float] = {}
        lent = sorted(self._lent, key=itemgetter(0))
        for candidate in self.candidates():
            urgent = candidate.job.info.priority >= TaskPriority.HIGH
            while lent and (not urgent or lent[0][0] <= candidate.rank):
                if self._take_back(job := lent.pop(0)[1]):
                    return job
            seat = self._seat_for(candidate, kept)
            if seat is not None:
                self._leave(candidate.line)
                return candidate.job
        return self._first_back([job for _, job in lent])

    def take_back(self) -> Job | None:
        """Return the first job that may go on now after it gave way; starts none."""
        lent = sorted(self._lent, key=itemgetter(0))
        return next((job for _, job in lent if self._take_back(job)), None)

    def _first_back(self, lent: Sequence[Job]) -> Job | None:
        """Let the first go on that may: none on a shared slot that urgent work waits for."""
        wanted = {seat.name for _, seat in self.blocked()} if lent else set()
        back = (job for job in lent if job.info.device not in wanted and self._take_back(job))
        return next(back, None)

    def companions(self, job: Job) -> list[Job]:
        """Remove and return the jobs that join a job, just popped, in its batch; they are admitted.

        They share its slot.
        """
        joined: list[Job] = []
        line = self._lines.get(place_of(job))
        if line is None or line.batching is None:
            return joined
        seat = self.seat(job.info.device)
        while len(joined) + 1 < line.batching.max_size:
            head = line.queue.head()
            if head is None:
                break
            other = head[1]
            other.admission = seat.admit(other, self.expected(other, seat))
            if other.admission is None:
                break
            other.info.device = seat.name
            joined.append(other)
            self._leave(line)
        return joined

    def release(self, job: Job) -> None:
        """Take back what an ended job was lent."""
        admission, job.admission = job.admission, None
        if admission is not None:
            seat = self.seat(job.info.device)
            seat.displace(admission)
            seat.residency.release(admission)

    def expected(self, job: Job, seat: Seat) -> int:
        """Return the working memory that a task will need on a device, in bytes.

        What was learned counts, but not beyond what the device could ever give: a report may err.
        """
        learned = self._peaks.expect(job.model, job.info.name, job.memory)
        return min(learned, max(job.memory, seat.residency.most(job.model)))

    def learn(self, jobs: Sequence[Job], peak: int) -> None:
        """Note how much working memory a run took, in bytes."""
        first = jobs[0]
        declared = sum(job.memory for job in jobs)
        share = peak if declared else peak // len(jobs)
        self._peaks.learn(first.model, first.info.name, declared, share)

    # -- places that are lent to more urgent work ------------------------------------------------

    def lend(self, job: Job) -> None:
        """Free the slot of a running job; `pop` returns the job when it has one again."""
        if job.admission is not None:
            self.seat(job.info.device).displace(job.admission)
        # It goes on before anything that is not urgent. For urgent work it counts as if it had
        # just arrived, however long it waited before: background work that grew old in the queue
        # gives way as any other, and yet cannot be held up for ever.
        rank = (self._clock() - job.info.priority * self._aging) // RANK_STEP
        self._lent.append((rank, job))

    def withdraw(self, job: Job) -> None:
        """Forget a job that no longer waits for its slot."""
        self._lent = [entry for entry in self._lent if entry[1] is not job]

    def blocked(self) -> Iterator[tuple[Candidate, Seat]]:
        """Yield the urgent tasks that only lack a slot, with the devices that could run them."""
        for candidate in self.candidates():
            if candidate.job.info.priority >= TaskPriority.HIGH:
                for seat in self.seats:
                    if not seat.has_place(candidate.line.model) and _could_run(candidate, seat):
                        yield candidate, seat

    # -- inside ------------------------------------------------------------------------------

    def candidates(self) -> list[Candidate]:
        """Return the first task of each line, but those that wait for others to join a batch."""
        return sorted(self._heads()) if self._waiting else []

    def next_due(self) -> float:
        """Return the loop time at which a line stops waiting for others to join its batch."""
        now = self._clock()
        later = (due for line in self._lines.values() if now < (due := line.due()) < math.inf)
        return min(later, default=math.inf)

    def _heads(self) -> Iterator[Candidate]:
        now = self._clock()
        for number, line in enumerate(self._lines.values()):
            head = line.queue.head()
            if head is not None and line.due() <= now:
                rank, job = head
                ready = any(line.fits(seat) and seat.holds(line.model) for seat in self.seats)
                order = rank - self.bonus if ready else rank
                deadline = math.inf if job.deadline is None else job.deadline
                yield Candidate(order, rank, deadline, job.arrival, number, line, job)

    def _seat_for(self, candidate: Candidate, kept: dict[str, float]) -> Seat | None:
        """Admit the job on the least busy device that can take it; notes where it must wait."""
        line, job = candidate.line, candidate.job
        seats = [
            seat
            for seat in self.seats
            if line.fits(seat)
            and seat.has_place(line.model)
            and candidate.rank < kept.get(seat.name, math.inf)
        ]
        for seat in sorted(seats, key=lambda seat: seat.running / seat.slots):
            if job.setbacks and seat.residency.moving:
                continue  # it is being given room
            admission = seat.admit(job, self.expected(job, seat))
            if admission is not None:
                seat.place(admission)
                job.admission = admission
                job.info.device = seat.name
                return seat
            if seat.holds(line.model):
                kept.setdefault(seat.name, candidate.rank + self.bonus)
        return None

    def _take_back(self, job: Job) -> bool:
        if job.admission is None or not self.seat(job.info.device).replace(job.admission):
            return False
        self.withdraw(job)
        return True

    def _leave(self, line: Line) -> None:
        line.queue.pop()
        self._waiting -= 1
        self._tidy(line)

    def _line(self, job: Job) -> Line:
        place = place_of(job)
        line = self._lines.get(place)
        if line is None:
            queue = ReadyQueue(aging=self._aging, keys=self._keys)
            line = self._lines[place] = Line(job, queue)
        return line

    def _tidy(self, line: Line) -> None:
        """Drop a line in which nothing waits: models and batch keys can be any number."""
        if not len(line.queue):
            self._lines.pop(line.place, None)


def _could_run(candidate: Candidate, seat: Seat) -> bool:
    line = candidate.line
    return line.fits(seat) and seat.holds(line.model)
