"""A lane: where the tasks of one resource wait and run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from xy_core.core.backoff import full_jitter
from xy_core.core.config import LaneConfig
from xy_core.core.errors import QueueFull, SchedulerClosed, TaskCancelled, TaskTimeout
from xy_core.core.executors import Executor
from xy_core.core.histogram import Histogram, Quantiles
from xy_core.core.job import Job
from xy_core.core.keys import KeyTable
from xy_core.core.task import TaskPriority, TaskStatus
from xy_core.core.trace import Trace

log = structlog.get_logger("scheduler")

_BACKOFF_BASE = 0.1
_BACKOFF_CAP = 30.0

_RUNNING = TaskStatus.RUNNING
_COMPLETED = TaskStatus.COMPLETED
_ENDINGS = {
    TaskStatus.COMPLETED: "task_completed",
    TaskStatus.FAILED: "task_failed",
    TaskStatus.CANCELLED: "task_cancelled",
    TaskStatus.TIMED_OUT: "task_timed_out",
}


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    """A lane at one moment.

    Attributes:
        name: the lane's name.
        waiting: tasks in its queue, those between two attempts included.
        running: slots in use, those of cancelled threads that have not ended included.
        workers: slots there are now.
        paused: whether it starts nothing for the time being.
        ended: how many tasks ended in each final status.
        wait: seconds from submission to start.
        run: seconds from start to end of an attempt.
    """

    name: str
    waiting: int
    running: int
    workers: int
    paused: bool
    ended: dict[str, int]
    wait: Quantiles
    run: Quantiles


class WaitingTasks(Protocol):
    """The queue of a lane."""

    def __len__(self) -> int: ...

    def push(self, job: Job, now: float) -> None:
        """Add a job; `now` is the loop's clock, in seconds."""

    def push_back(self, job: Job) -> None:
        """Add a job again that had left; it keeps its age."""

    def pop(self) -> Job | None:
        """Remove and return the first job that may run; None if there is none."""

    def discard(self, job: Job) -> None:
        """Remove a waiting job."""

    def clear(self) -> list[Job]:
        """Remove and return all waiting jobs."""


class Lane:
    """The ready-queue of one resource, and the worker slots that empty it.

    A task waits here and nowhere else. Slots grow to ``max_workers`` while the queue waits and
    shrink to ``min_workers`` when idle. All methods belong to the event loop's thread.
    """

    def __init__(
        self,
        name: str,
        executor: Executor,
        *,
        config: LaneConfig,
        queue: WaitingTasks,
        keys: KeyTable,
        trace: Trace,
        loop: asyncio.AbstractEventLoop,
        settled: Callable[[Job], None],
    ) -> None:
        self.name = name
        self.executor = executor
        self.queue = queue
        self._keys = keys
        self._config = config
        self._record = trace.record
        self._loop = loop
        self._time = loop.time
        self._tell_settled = settled
        self._free = [f"{name}-{number}" for number in reversed(range(config.min_workers))]
        self._workers = config.min_workers
        self._running: set[Job] = set()
        self._preemptible: set[Job] = set()
        self._retrying: set[Job] = set()
        self._paused = False
        self._closed = False
        self._scaling: asyncio.TimerHandle | None = None
        self._growing = False
        self._idle_since = 0.0
        self._idlers: list[asyncio.Future[None]] = []
        self._wait = Histogram()
        self._run = Histogram()
        self._ended = dict.fromkeys(_ENDINGS, 0)

    def submit(self, job: Job) -> None:
        """Queue a job, and start it if a slot is free.

        Raises:
            QueueFull: too many tasks wait already.
            SchedulerClosed: the lane was closed.
        """
        if self._closed:
            raise SchedulerClosed(f"lane {self.name!r} is closed: no new tasks are taken")
        if len(self.queue) >= self._config.queue_size:
            raise QueueFull(self.name, len(self.queue), self._retry_after())
        job.submitted = now = self._time()
        if job.deadline is not None:
            job.expiry = self._loop.call_at(job.deadline, self._expire, job, "deadline")
        self.queue.push(job, now)
        self._record("task_scheduled", job.info, "", None, job.info.created_at)
        if self._free:
            self._pump(now)
        else:
            self._wait_for_slot(job)

    def cancel(self, job: Job, error: TaskCancelled) -> bool:
        """Cancel a waiting or running job; False if its outcome is known already."""
        return self._abandon(job, TaskStatus.CANCELLED, error)

    def pause(self) -> None:
        """Start nothing more until `resume`; what runs goes on."""
        self._paused = True

    def resume(self) -> None:
        """Start waiting tasks again."""
        self._paused = False
        self._pump(self._time())
        self._grow_later()

    async def drain(self) -> None:
        """Wait until nothing waits and nothing runs."""
        if self.busy:
            waiter = self._loop.create_future()
            self._idlers.append(waiter)
            await waiter

    @property
    def busy(self) -> bool:
        """Whether anything waits or runs."""
        return bool(self.queue or self._running or self._retrying)

    def limit(self, key: str, running: int | None) -> None:
        """Let at most that many tasks of a key run at a time; None lifts the limit."""
        self._keys.limit(key, running)
        self._pump(self._time())

    def close(self) -> None:
        """Refuse new tasks, cancel everything, and let the executor go."""
        self._closed = True
        self.refuse()
        self.executor.close()

    def refuse(self) -> None:
        """Take no new tasks and cancel all that wait or run."""
        self._closed = True
        error = TaskCancelled("the scheduler is stopping")
        for job in [*self._running, *self._retrying]:
            self.cancel(job, error)
        for job in self.queue.clear():
            self._settle(job, TaskStatus.CANCELLED, None, error)
            job.release()
        self._wake_idlers()
        if self._scaling is not None:
            self._scaling.cancel()
            self._scaling = None

    def statistics(self) -> LaneStatistics:
        """Return the lane's figures; takes the same time however much waits."""
        return LaneStatistics(
            name=self.name,
            waiting=len(self.queue) + len(self._retrying),
            running=len(self._running),
            workers=self._workers,
            paused=self._paused,
            ended={status.value: count for status, count in self._ended.items()},
            wait=self._wait.quantiles(),
            run=self._run.quantiles(),
        )

    # -- starting ----------------------------------------------------------------------------

    def _pump(self, now: float) -> None:
        free = self._free
        queue = self.queue
        while free and not self._paused:
            job = queue.pop()
            if job is None:
                return
            self._begin(job, free.pop(), now)
            self._execute(job)

    def _begin(self, job: Job, worker: str, started: float) -> None:
        """Note that a job runs from now on."""
        info = job.info
        info.status = _RUNNING
        info.worker = worker
        info.attempts += 1
        job.started = started
        waited = started - job.submitted
        info.started_at = now = info.created_at + waited
        self._wait.observe(waited)
        self._running.add(job)
        if job.preemptible:
            self._preemptible.add(job)
        if job.timeout is not None:
            job.timer = self._loop.call_at(started + job.timeout, self._expire, job, "timeout")
        self._record("worker_start", info, worker, None, now)

    def _execute(self, job: Job) -> None:
        try:
            self.executor.start(job, self._work_ended)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is the job's end
            self._loop.call_soon(self._work_ended, job, None, error)

    def _wait_for_slot(self, job: Job) -> None:
        if self._paused:
            return
        if job.info.priority >= TaskPriority.HIGH and self._preemptible:
            self._preempt(job.info.priority)
        self._grow_later()

    def _grow_later(self) -> None:
        if self.queue and not self._growing and self._workers < self._config.max_workers:
            if self._scaling is not None:
                self._scaling.cancel()  # it was to take idle slots back, much later
            self._growing = True
            self._scaling = self._loop.call_later(self._config.grow_after, self._scale)

    def _preempt(self, priority: TaskPriority) -> None:
        victims = [
            job for job in self._preemptible if not job.preempting and job.info.priority < priority
        ]
        if victims:
            self._interrupt(max(victims, key=lambda job: job.started))

    def _interrupt(self, victim: Job) -> None:
        """Cancel a running job so that it waits again."""
        victim.preempting = True
        self.executor.cancel(victim)

    def _scale(self) -> None:
        """Add slots while tasks wait; take them back once none has been needed for a while."""
        self._scaling = None
        self._growing = False
        config = self._config
        wanted = self.queue and not self._free and self._workers < config.max_workers
        if wanted and not self.executor.saturated():
            grown = min(self._workers, config.max_workers - self._workers)
            self._free += [f"{self.name}-{self._workers + n}" for n in reversed(range(grown))]
            self._workers += grown
            self._pump(self._time())
        elif not wanted and len(self._free) == self._workers > config.min_workers:
            self._workers = config.min_workers
            self._free = [f"{self.name}-{n}" for n in reversed(range(self._workers))]
        self._grow_later()
        if self._scaling is None and self._workers > config.min_workers:
            self._scaling = self._loop.call_later(config.shrink_after, self._scale)

    # -- ending ------------------------------------------------------------------------------

    def _work_ended(self, job: Job, result: Any, error: BaseException | None) -> None:
        """Take back the slot, decide what became of the job, and start the next."""
        now = self._time()
        ran = now - job.started
        self._run.observe(ran)
        self._running.discard(job)
        self._free_slot(job, ran)
        if job.key is not None:
            self._keys.release(job.key)
        if job.preemptible:
            self._preemptible.discard(job)
        if not job.settled:
            if error is None:
                self._settle(job, _COMPLETED, result, None, ran)
            else:
                self._decide(job, error, ran)
        if job.settled:
            job.release()
        if self.queue:
            self._pump(now)
        elif self._idlers:
            self._wake_idlers()

    def _free_slot(self, job: Job, ran: float) -> None:  # noqa: ARG002 - for lanes that learn
        self._free.append(job.info.worker)

    def _decide(self, job: Job, error: BaseException, ran: float) -> None:
        """Settle a job whose attempt raised, or queue it for another one."""
        if job.timer is not None:
            job.timer.cancel()
            job.timer = None
        if job.preempting and not self._closed:
            self._again(job, "task_preempted", ran)
        elif isinstance(error, (asyncio.CancelledError, TaskCancelled)):
            reason = TaskCancelled(str(error) or "the task cancelled itself")
            self._settle(job, TaskStatus.CANCELLED, None, reason, ran)
        elif job.info.attempts <= job.retries and _retryable(job, error) and not self._closed:
            self._retry(job, error, ran)
        else:
            self._settle(job, TaskStatus.FAILED, None, error, ran)
            log.warning(
                "task failed", task=job.info.task_id, name=job.info.name, error=job.info.error
            )

    def _settle(
        self,
        job: Job,
        status: TaskStatus,
        result: Any,
        error: BaseException | None,
        ran: float | None = None,
    ) -> None:
        """Fix a job's outcome; `ran` is how long its attempt took, None if it was waiting."""
        info = job.info
        if ran is None:
            worker = ""
            moment = self._time()
        else:
            worker = info.worker
            moment = job.started + ran
        info.ended_at = now = info.created_at + moment - job.submitted
        self._ended[status] += 1
        self._record(_ENDINGS[status], info, worker, ran, now)
        job.settle(status, result, error)
        self._tell_settled(job)

    def _abandon(self, job: Job, status: TaskStatus, error: BaseException) -> bool:
        """Settle a job before its work has ended by itself, and ask the work to end."""
        if job.settled:
            return False
        if job in self._running:
            # First the work: a thread that the settling wakes must know that it was cancelled.
            self.executor.cancel(job)
            self._settle(job, status, None, error, self._time() - job.started)
            return True
        self.queue.discard(job)
        self._retrying.discard(job)
        self._settle(job, status, None, error)
        job.release()
        if self._idlers:
            self._wake_idlers()
        return True

    def _expire(self, job: Job, bound: str) -> None:
        seconds = job.timeout if bound == "timeout" else None
        text = f"its timeout of {seconds:g} s" if seconds is not None else "its deadline"
        where = "running" if job in self._running else "waiting"
        error = TaskTimeout(f"task {job.info.name!r} passed {text} while {where}")
        self._abandon(job, TaskStatus.TIMED_OUT, error)

    def _retry(self, job: Job, error: BaseException, ran: float) -> None:
        """Queue the job again after a while."""
        job.info.error = str(error) or type(error).__name__
        self._record("task_retried", job.info, job.info.worker, ran)
        job.info.status = TaskStatus.PENDING
        delay = full_jitter(job.info.attempts, _BACKOFF_BASE, _BACKOFF_CAP)
        self._retrying.add(job)
        job.timer = self._loop.call_later(delay, self._requeue, job)

    def _requeue(self, job: Job) -> None:
        self._retrying.discard(job)
        job.timer = None
        job.running = None
        self.queue.push_back(job)
        self._pump(self._time())

    def _again(self, job: Job, event: str, ran: float) -> None:
        self._record(event, job.info, job.info.worker, ran)
        job.info.status = TaskStatus.PENDING
        job.info.attempts -= 1
        job.preempting = False
        job.running = None
        # Whoever waits takes the slot first: the job's age could put it before all of them.
        self._pump(self._time())
        self.queue.push_back(job)

    def _wake_idlers(self) -> None:
        if self.busy:
            return
        idlers, self._idlers = self._idlers, []
        for waiter in idlers:
            if not waiter.done():
                waiter.set_result(None)

    def _retry_after(self) -> float:
        """Guess when a place is free: one queue's worth of work over all slots."""
        typical = self._run.quantile(0.5) or 1.0
        return max(1.0, typical * len(self.queue) / self._workers)


def _retryable(job: Job, error: BaseException) -> bool:
    return isinstance(error, job.retry_on)
