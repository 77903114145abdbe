"""The lane of one kind of device: tasks start where their model and their memory are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog

from xy_core.core.backlog import Backlog
from xy_core.core.batching import BatchFailed, carrier, split
from xy_core.core.compute import ComputeLease, current_lease
from xy_core.core.config import LaneConfig
from xy_core.core.errors import (
    DeviceLost,
    InvalidTaskError,
    OutOfDeviceMemory,
    XyCoreError,
)
from xy_core.core.executors import Executor
from xy_core.core.job import Job
from xy_core.core.keys import KeyTable
from xy_core.core.lane import Lane, LaneStatistics
from xy_core.core.line import Line
from xy_core.core.model import ModelSpec, ModelState
from xy_core.core.prefetch import Prefetch
from xy_core.core.seat import Seat
from xy_core.core.task import TaskPriority, TaskStatus
from xy_core.core.trace import Trace

log = structlog.get_logger("device")

_LOOK_AGAIN = 0.25
"""Seconds until the lane looks again for memory that other programs have freed."""
_OUT_OF_MEMORY_TRIES = 3
"""Runs of one task that may end for lack of memory, after which it fails."""


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
        own: Callable[[Coroutine[Any, Any, None]], None],
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
        self._own = own
        self._prefetch = Prefetch(backlog, self._fail_line)
        # A task that gives way keeps its label; as many others can run meanwhile.
        self._labels = {
            seat.name: [f"{seat.name}-{number}" for number in reversed(range(2 * seat.slots))]
            for seat in backlog.seats
        }
        self._free = [name]  # always worth a look: whether there is a slot is the seats' to say
        self._lent: dict[Job, Callable[[], None]] = {}
        self._batches: dict[Job, list[Job]] = {}
        self._carriers: dict[Job, Job] = {}
        self._looking: asyncio.TimerHandle | None = None

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
        if any(spec.name in seat.residency for seat in self.backlog.seats):
            raise InvalidTaskError(f"a model {spec.name!r} is registered already")
        for seat in self.backlog.seats:
            seat.residency.register(spec)

    async def withdraw(self, name: str) -> None:
        """Unload a model once nothing uses it, and forget it; what waits for it fails.

        Raises:
            InvalidTaskError: no such model is registered.
        """
        seats = [seat for seat in self.backlog.seats if name in seat.residency]
        if not seats:
            raise InvalidTaskError(f"no model {name!r} is registered")
        gone = InvalidTaskError(f"model {name!r} was withdrawn")
        for line in self.backlog.lines:
            if line.model == name:
                self._fail_line(line, gone)
        for seat in seats:
            await seat.residency.withdraw(name)

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
        if self._paused or self._closed:
            return
        for line in self.backlog.stranded():
            self._fail_line(line, DeviceLost("no device is left that could run it"))
        while (job := self.backlog.pop()) is not None:
            if job in self._lent:
                self._lent.pop(job)()
            elif job.batching is not None and not job.alone:
                self._start_batch([job, *self.backlog.companions(job)], now)
            else:
                self._lend_model(job)
                self._begin(job, self._labels[job.info.device].pop(), now)
                self._grant([job], job)
                self._execute(job)
        self._prefetch.look()
        self._ask_for_way()
        self._look_later()

    def _start_batch(self, jobs: list[Job], now: float) -> None:
        for job in jobs:
            self._lend_model(job)
            self._begin(job, self._label(job, jobs[0]), now)
        run = carrier(jobs)
        self._batches[run] = jobs
        for job in jobs:
            job.running = run
            self._carriers[job] = run
        self._grant(jobs, run)
        try:
            self.executor.start(run, self._batch_ended)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is the batch's end
            self._loop.call_soon(self._batch_ended, run, None, error)

    def _label(self, job: Job, first: Job) -> str:
        return self._labels[job.info.device].pop() if job is first else first.info.worker

    def _lend_model(self, job: Job) -> None:
        resident = job.admission.resident if job.admission is not None else None
        job.lent = () if resident is None else (resident.loaded,)

    def _grant(self, jobs: list[Job], run: Job) -> None:
        """Give those who run the lease of their compute, which their code can reach."""
        first = jobs[0]
        priority = max(job.info.priority for job in jobs)
        first.compute = ComputeLease(self, first.info.task_id, priority, first.info.device)
        run.context.run(current_lease.set, first.compute)

    # -- giving way --------------------------------------------------------------------------

    def lend(self, lease: ComputeLease, go_on: Callable[[], None]) -> None:
        """See `Lender`."""
        job = self._job_of(lease)
        if job is None or self._closed:
            go_on()
            return
        lease.wanted = False
        self._record("task_gave_way", job.info, job.info.worker)
        self._lent[job] = go_on
        self.backlog.lend(job)
        self.look()

    def forget(self, lease: ComputeLease) -> None:
        """See `Lender`."""
        job = self._job_of(lease)
        if job is not None and self._lent.pop(job, None) is not None:
            self.backlog.withdraw(job)

    def _job_of(self, lease: ComputeLease) -> Job | None:
        return next((job for job in self._running if job.compute is lease), None)

    def _ask_for_way(self) -> None:
        """Tell running tasks that more urgent ones lack only their slot; preempt if allowed."""
        for job in self._running:
            if job.compute is not None:
                job.compute.wanted = False
        blocked = list(self.backlog.blocked())
        may_lend = len(self._lent) < self._workers
        for candidate, seat in blocked:
            urgency = candidate.job.info.priority
            for job in self._running if may_lend else ():
                lease = job.compute
                if lease is not None and lease.seat == seat.name and lease.priority < urgency:
                    lease.wanted = True
            if sum(job.preempting for job in self._preemptible) < len(blocked):
                self._preempt_on(seat, urgency)

    def _preempt_on(self, seat: Seat, urgency: TaskPriority) -> None:
        victims = [
            job
            for job in self._preemptible - self._carriers.keys()
            if not job.preempting and job.info.priority < urgency and job.info.device == seat.name
        ]
        if victims:
            self._interrupt(max(victims, key=lambda job: job.started))

    # -- ending ------------------------------------------------------------------------------

    def _work_ended(self, job: Job, result: Any, error: BaseException | None) -> None:
        super()._work_ended(job, result, error)
        if self._lent and not len(self.backlog):
            self.look()

    def _free_slot(self, job: Job, ran: float) -> None:
        batch = self._carriers.pop(job, None)
        if job.compute is not None:
            self._prefetch.note_run(job.model, ran)
            if job.compute.peak:
                jobs = [job] if batch is None else self._batches.get(batch, [job])
                self.backlog.learn(jobs, job.compute.peak)
            self._labels[job.info.device].append(job.info.worker)
            job.compute = None
        self.backlog.release(job)

    def _batch_ended(self, run: Job, result: Any, error: BaseException | None) -> None:
        jobs = self._batches[run]
        for job, outcome in zip(jobs, split(len(jobs), result, error), strict=True):
            self._work_ended(job, *outcome)
        del self._batches[run]
        self.look()

    def _decide(self, job: Job, error: BaseException, ran: float) -> None:
        again = not self._closed and job.on_settled is None and not job.preempting
        if isinstance(error, BatchFailed):
            job.alone = True
            job.out_of_memory += isinstance(error.__cause__, OutOfDeviceMemory)
        elif isinstance(error, OutOfDeviceMemory):
            again = again and self._make_room(job)
        elif isinstance(error, DeviceLost):
            again = again and self._leave_device(job)
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
        job.out_of_memory += 1
        residency = self.backlog.seat(job.info.device).residency
        resident = next((one for one in residency if one.spec.name == job.model), None)
        if job.out_of_memory > 1 and resident is not None:
            if not residency.degrade(resident):
                return False
            if resident.state is ModelState.READY:
                residency.evict(resident)
        else:
            residency.evict_idle(spared=resident)
        return job.out_of_memory < _OUT_OF_MEMORY_TRIES

    def _leave_device(self, job: Job) -> bool:
        """Give up a device that does not answer; True if another one can take the job."""
        seat = self.backlog.seat(job.info.device)
        if not seat.lost:
            seat.lost = True
            log.error("device lost", device=seat.name)
        self._own(seat.residency.lose())
        return any(
            not other.lost and job.device in {None, other.name} for other in self.backlog.seats
        )

    def _abandon(self, job: Job, status: TaskStatus, error: BaseException) -> bool:
        abandoned = super()._abandon(job, status, error)
        if abandoned:
            go_on = self._lent.pop(job, None)
            if go_on is not None:
                self.backlog.withdraw(job)
                go_on()  # its thread is to see that it was cancelled
            run = self._carriers.get(job)
            if run is not None and all(other.settled for other in self._batches[run]):
                self.executor.cancel(run)
        return abandoned

    def _fail_line(self, line: Line, error: XyCoreError) -> None:
        """Fail all that waits for a model which cannot be had."""
        for job in self.backlog.drop(line):
            self._settle(job, TaskStatus.FAILED, None, error)
            job.release()
        self._wake_idlers()

    # -- memory that comes back by itself ----------------------------------------------------------

    def _look_later(self) -> None:
        """Look again when a batch is to start, or when other programs may have freed memory."""
        if not len(self.backlog):
            return
        when = min(self.backlog.next_due(), self._time() + _LOOK_AGAIN)
        if self._looking is None or self._looking.when() > when:
            if self._looking is not None:
                self._looking.cancel()
            self._looking = self._loop.call_at(when, self._look_again)

    def _look_again(self) -> None:
        self._looking = None
        for seat in self.backlog.seats:
            try:
                seat.residency.ledger.refresh()
                seat.lost = False
            except DeviceLost:
                seat.lost = True
        self.look()

    # -- looking -----------------------------------------------------------------------------

    def statistics(self) -> LaneStatistics:
        """Return the lane's figures; a batch takes one slot, and what gives way takes none."""
        running = sum(seat.running for seat in self.backlog.seats)
        return replace(super().statistics(), running=running)
