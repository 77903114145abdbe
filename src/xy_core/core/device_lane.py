"""The lane of one kind of device: tasks start where their model and their memory are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from xy_core.core.backlog import Backlog, Candidate
from xy_core.core.batching import Batches, BatchFailed, split
from xy_core.core.compute import ComputeLease, current_lease
from xy_core.core.config import LaneConfig
from xy_core.core.errors import (
    DeviceError,
    DeviceLost,
    DeviceMemoryError,
    InvalidTaskError,
    OutOfDeviceMemory,
    TaskCancelled,
    XyCoreError,
)
from xy_core.core.executors import Executor
from xy_core.core.job import Job
from xy_core.core.keys import KeyTable
from xy_core.core.lane import Lane, LaneStatistics
from xy_core.core.line import Line
from xy_core.core.model import ModelSpec
from xy_core.core.prefetch import Prefetch
from xy_core.core.seat import Seat
from xy_core.core.task import TaskPriority, TaskStatus
from xy_core.core.trace import Trace

log = structlog.get_logger("device")

_LOOK_AGAIN = 0.25
"""Seconds until the lane looks again for memory that other programs have freed."""
PLACES = 3
"""Tasks that may be begun for each slot: two can have given way, to HIGH and to CRITICAL work."""
_TURNS = 10
"""Turns of the loop in which a request whose step has ended may submit its next one: its future,
the task that awaits it, and those of a few task groups around it take one each."""


class DeviceLane(Lane):
    """Where tasks wait for a device, and run once their model and memory are there.

    All devices of a kind (``cuda:0``, ``cuda:1``) share one lane, so that a task goes to whichever
    can take it first. A task is admitted when its model is loaded, its working memory is free and
    the device has a slot (see `Backlog`); models come and go meanwhile (see `Prefetch`).
    """

    def __init__(
        self,
        name: str,
        executor: Executor,
        *,
        backlog: Backlog,
        queue_size: int,
        keys: KeyTable,
        trace: Trace,
        loop: asyncio.AbstractEventLoop,
        settled: Callable[[Job], None],
    ) -> None:
        slots = sum(seat.slots for seat in backlog.seats)
        super().__init__(
            name,
            executor,
            config=LaneConfig(min_workers=slots, max_workers=slots, queue_size=queue_size),
            queue=backlog,
            keys=keys,
            trace=trace,
            loop=loop,
            settled=settled,
        )
        self.backlog = backlog
        self._prefetch = Prefetch(backlog, self._fail)
        # A task that gives way keeps its label.
        self._labels: dict[str, list[str]] = {seat.name: [] for seat in backlog.seats}
        self._labelled = dict.fromkeys(self._labels, 0)
        for seat in backlog.seats:
            seat.residency.changed = self._look_soon
        self._free = [name]  # always worth a look: whether there is a slot is the seats' to say
        self._lent: dict[Job, Callable[[], None]] = {}
        self._batches = Batches()
        self._looking: asyncio.TimerHandle | None = None
        self._preparing = False
        self._turns = 0

    def submit(self, job: Job) -> None:
        """Queue a job, and start it if it can run now.

        Raises:
            InvalidTaskError: no device of the lane has that name, or knows the model.
            DeviceMemoryError: no device has that much memory.
            QueueFull: too many tasks wait already.
            SchedulerClosed: the lane was closed.
        """
        self.backlog.check(job)
        super().submit(job)

    def register(self, spec: ModelSpec[Any]) -> None:
        """Let all devices of the lane know a model.

        Raises:
            InvalidTaskError: its name is taken.
        """
        seats = self.backlog.seats
        if any(one.spec.name == spec.name for seat in seats for one in seat.residency):
            raise InvalidTaskError(f"a model {spec.name!r} is registered, or not yet withdrawn")
        for seat in seats:
            seat.residency.register(spec)

    async def withdraw(self, name: str) -> None:
        """Unload a model once nothing uses it, and forget it; what waits for it fails.

        Raises:
            InvalidTaskError: no such model is registered.
        """
        seats = self._seats_of(name)
        for seat in seats:
            seat.residency.retire(name)
        self.look()
        async with asyncio.TaskGroup() as group:
            for seat in seats:
                group.create_task(seat.residency.withdraw(name))

    async def revoke(self, name: str) -> None:
        """Cancel what computes with a model, and withdraw it.

        Raises:
            InvalidTaskError: no such model is registered.
        """
        error = TaskCancelled(f"model {name!r} is taken away")
        for job in [job for job in self._running if job.model == name]:
            self.cancel(job, error)
        await self.withdraw(name)

    async def preload(self, name: str) -> bool:
        """Bring a model to the emptiest device if there is room for it; whether it is there.

        Raises:
            InvalidTaskError: no such model is registered.
            Exception: what its loading raised.
        """
        seats = [seat for seat in self.backlog.seats if name in seat.residency and not seat.lost]
        if not seats:
            raise InvalidTaskError(f"no model {name!r} is registered")
        return await max(seats, key=lambda seat: seat.free).residency.preload(name)

    async def free_model(self, name: str) -> bool:
        """Unload a model from all devices once nothing uses it; whether it was on any.

        Raises:
            InvalidTaskError: no such model is registered.
        """
        freeing = [seat.residency.unload(name) for seat in self._seats_of(name)]
        return any(await asyncio.gather(*freeing))

    def _seats_of(self, name: str) -> list[Seat]:
        seats = [seat for seat in self.backlog.seats if name in seat.residency]
        if not seats:
            raise InvalidTaskError(f"no model {name!r} is registered")
        return seats

    def look(self) -> None:
        """Start what can start: a model has come or gone, or memory is free again."""
        self._pump(self._time())

    async def unload(self) -> None:
        """Give up what is being loaded, and unload all models."""
        for seat in self.backlog.seats:
            await seat.residency.close()

    def refuse(self) -> None:
        """Take no new tasks and cancel all that wait or run."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        super().refuse()

    # -- starting ----------------------------------------------------------------------------

    def _pump(self, now: float) -> None:
        if self._closed or self._turns:
            return
        for line, error in self.backlog.stranded():
            self._fail_line(line, error)
        take = self.backlog.take_back if self._paused else self.backlog.pop
        while (job := take()) is not None:
            if job in self._lent:
                self._lent.pop(job)()
            elif job.batching is not None:
                self._start_batch([job, *self.backlog.companions(job)], now)
            else:
                self._lend_model(job)
                self._begin(job, self._label(job, job), now)
                self._grant([job], job)
                self._execute(job)
        if self._paused:
            return
        self._ask_for_way()
        if len(self.backlog):
            if not self._preparing:
                self._preparing = True
                self._loop.call_soon(self._prepare)
            self._look_later()

    def _prepare(self) -> None:
        """Bring models for what still waits, once all that is submitted at this moment is there."""
        self._preparing = False
        if not (self._paused or self._closed):
            self._prefetch.look()

    def _start_batch(self, jobs: list[Job], now: float) -> None:
        for job in jobs:
            self._lend_model(job)
            self._begin(job, self._label(job, jobs[0]), now)
        run = self._batches.begin(jobs)
        self._grant(jobs, run)
        try:
            self.executor.start(run, self._batch_ended)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is the batch's end
            self._loop.call_soon(self._batch_ended, run, None, error)

    def _label(self, job: Job, first: Job) -> str:
        if job is not first:
            return first.info.worker
        device = job.info.device
        if not self._labels[device]:
            self._labels[device].append(f"{device}-{self._labelled[device]}")
            self._labelled[device] += 1
        return self._labels[device].pop()

    def _lend_model(self, job: Job) -> None:
        resident = job.admission.resident if job.admission is not None else None
        job.lent = () if resident is None else (resident.loaded,)

    def _grant(self, jobs: list[Job], run: Job) -> None:
        """Give those who run the lease of their compute, which their code can reach."""
        first = jobs[0]
        priority = max(job.info.priority for job in jobs)
        tasks = [job.info for job in jobs]
        first.compute = ComputeLease(self, tasks, priority, first.info.device)
        run.context.run(current_lease.set, first.compute)

    # -- giving way --------------------------------------------------------------------------

    def lend(self, lease: ComputeLease, go_on: Callable[[], None]) -> None:
        """See `Lender`."""
        job = self._job_of(lease)
        lease.wanted = False
        if job is None or job in self._lent or not self._may_wait(job):
            go_on()
            return
        self._record("task_gave_way", job.info, job.info.worker)
        self._lent[job] = go_on
        self.backlog.lend(job)
        self.look()

    def _may_wait(self, job: Job) -> bool:
        """Whether a running task may give way: not if it is to end, or too many have done so."""
        if self._closed or job.preempting or self._batches.unwanted(job):
            return False
        seat = self.backlog.seat(job.info.device)
        away = sum(other.info.device == seat.name for other in self._lent)
        return away < (PLACES - 1) * seat.slots

    def forget(self, lease: ComputeLease) -> None:
        """See `Lender`."""
        job = self._job_of(lease)
        if job is not None and self._lent.pop(job, None) is not None:
            self.backlog.withdraw(job)

    def _job_of(self, lease: ComputeLease) -> Job | None:
        return next((job for job in self._running if job.compute is lease), None)

    def _ask_for_way(self) -> None:
        """Tell running tasks that more urgent ones lack only their slot; preempt if allowed."""
        computing = [(job, lease) for job in self._running if (lease := job.compute) is not None]
        for _, lease in computing:
            lease.wanted = False
        blocked = list(self.backlog.blocked())
        for candidate, seat in blocked:
            urgency = candidate.job.info.priority
            for job, lease in computing:
                if lease.seat == seat.name and lease.priority < urgency and job not in self._lent:
                    lease.wanted = True
            if sum(job.preempting for job in self._preemptible) < len(blocked):
                self._preempt_on(seat, urgency)

    def _preempt_on(self, seat: Seat, urgency: TaskPriority) -> None:
        victims = [
            job
            for job in self._preemptible - self._lent.keys()
            if not job.preempting and job not in self._batches
            if job.info.priority < urgency and job.info.device == seat.name
        ]
        if victims:
            self._interrupt(max(victims, key=lambda job: job.started))

    # -- ending ------------------------------------------------------------------------------

    def _work_ended(self, job: Job, result: Any, error: BaseException | None) -> None:
        if job.since is not None and error is None:  # what starts over must not overtake others
            self._await_next_step()
        super()._work_ended(job, result, error)
        if self._lent and not len(self.backlog):
            self.look()

    def _await_next_step(self) -> None:
        """Start nothing until the request whose step has ended had its chance to submit the next.

        Else the slot would go to a younger request, which may then keep it for seconds.
        """
        if not self._turns:
            self._loop.call_soon(self._turn)
        self._turns = _TURNS

    def _turn(self) -> None:
        self._turns -= 1
        if self._turns:
            self._loop.call_soon(self._turn)
        else:
            self.look()

    def _free_slot(self, job: Job, ran: float) -> None:
        members = self._batches.leave(job)
        if job.compute is not None:
            self._prefetch.note_run(job.model, ran / len(members))
            if job.compute.peak:
                self.backlog.learn(members, job.compute.peak)
            self._labels[job.info.device].append(job.info.worker)
            job.compute = None
        self.backlog.release(job)

    def _batch_ended(self, run: Job, result: Any, error: BaseException | None) -> None:
        jobs = self._batches.of(run)
        for job in jobs:
            self.backlog.release(job)  # all, before the first one's end starts others
        for job, outcome in zip(jobs, split(len(jobs), result, error), strict=True):
            self._work_ended(job, *outcome)
        self._batches.end(run)
        self.look()

    def _decide(self, job: Job, error: BaseException, ran: float) -> None:
        again = not self._closed and job.on_settled is None and not job.preempting
        if isinstance(error, BatchFailed):
            job.alone = True
        elif isinstance(error, OutOfDeviceMemory):
            again = again and self._make_room(job)
        elif isinstance(error, DeviceLost):
            again = self._leave_device(job) and again
        else:
            again = False
        if not again:
            super()._decide(job, error, ran)
            return
        if job.timer is not None:
            job.timer.cancel()
            job.timer = None
        log.info("task starts over", task=job.info.task_id, reason=str(error))
        self._again(job, "task_requeued", ran)

    def _make_room(self, job: Job) -> bool:
        """Free memory after a task ran out of it; False if nothing more can be done."""
        residency = self.backlog.seat(job.info.device).residency
        resident = next((one for one in residency if one.spec.name == job.model), None)
        job.setbacks += 1
        if job.setbacks == 1:
            residency.evict_idle(spared=resident)
            return True
        return resident is not None and residency.degrade(resident)

    def _leave_device(self, job: Job) -> bool:
        """Give up a device that does not answer; True if another one can take the job."""
        self.backlog.seat(job.info.device).residency.lose()
        job.setbacks += 1
        seats = self.backlog.seats
        left = any(not seat.lost and job.device in {None, seat.name} for seat in seats)
        return left and job.setbacks <= len(seats)

    def _abandon(self, job: Job, status: TaskStatus, error: BaseException) -> bool:
        abandoned = super()._abandon(job, status, error)
        if abandoned and self._batches.unwanted(job):
            run = self._batches.run_of(job)
            if run is not job:
                run.settled = True  # it may not even have begun
                self.executor.cancel(run)
            self._wake(self._batches.members(job)[0])
        return abandoned

    def _wake(self, job: Job) -> None:
        """Let a task that gave way see that it was cancelled: it may block a thread."""
        go_on = self._lent.pop(job, None)
        if go_on is not None:
            self.backlog.withdraw(job)
            go_on()

    def _fail(self, candidate: Candidate, error: DeviceError) -> None:
        """Fail a task that no device can be prepared for, or all those of a broken model."""
        if isinstance(error, DeviceMemoryError):
            self.backlog.discard(candidate.job)
            self._give_up([candidate.job], error)
        else:
            self._fail_line(candidate.line, error)
        self._look_soon()

    def _fail_line(self, line: Line, error: XyCoreError) -> None:
        self._give_up(self.backlog.drop(line), error)

    def _give_up(self, jobs: list[Job], error: XyCoreError) -> None:
        for job in jobs:
            self._settle(job, TaskStatus.FAILED, None, error)
            job.release()
        self._wake_idlers()

    # -- memory that comes back by itself ----------------------------------------------------------

    def _look_later(self) -> None:
        """Look again when a batch is to start, or when other programs may have freed memory."""
        when = min(self.backlog.next_due(), self._time() + _LOOK_AGAIN)
        if self._looking is None or self._looking.when() > when:
            if self._looking is not None:
                self._looking.cancel()
            self._looking = self._loop.call_at(when, self._look_again)

    def _look_again(self) -> None:
        self._looking = None
        for seat in self.backlog.seats:
            seat.ask()
        self.look()

    def _look_soon(self) -> None:
        self._loop.call_soon(self.look)

    # -- looking -----------------------------------------------------------------------------

    def statistics(self) -> LaneStatistics:
        """Return the lane's figures; a batch takes one slot, and what gives way takes none."""
        running = sum(seat.running for seat in self.backlog.seats)
        return replace(super().statistics(), running=running)
