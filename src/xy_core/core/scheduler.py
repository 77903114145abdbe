"""The GlobalTaskScheduler: every piece of work that takes time goes through it."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import structlog

from xy_core.core.config import LaneConfig, ProcessConfig, SchedulerConfig
from xy_core.core.coroutines import CoroutineExecutor
from xy_core.core.device import Device
from xy_core.core.device_lane import DeviceLane
from xy_core.core.devices import LaneOpener, device_lane, lanes_of, swap_ledger
from xy_core.core.errors import InvalidTaskError, SchedulerClosed
from xy_core.core.executors import DeviceExecutor, Executor, ThreadExecutor
from xy_core.core.history import TaskHistory
from xy_core.core.job import Job, TaskHandle
from xy_core.core.keys import KeyTable
from xy_core.core.lane import Lane, LaneStatistics
from xy_core.core.model import ModelMoved, ModelSpec
from xy_core.core.options import TaskOptions, configure
from xy_core.core.processes import ProcessExecutor
from xy_core.core.queue import ReadyQueue
from xy_core.core.seat import DeviceStatistics, device_statistics
from xy_core.core.stream import Channel, TaskStream, producer
from xy_core.core.task import TaskInfo, TaskPriority, TaskStatus, TaskType
from xy_core.core.trace import Trace
from xy_core.core.worker import WorkerLimits

T = TypeVar("T")
log = structlog.get_logger("scheduler")

LOADING = "loading"
"""The lane in which models are loaded and unloaded."""
_UNLOAD = 5.0
"""Seconds that models get to be unloaded when the scheduler stops."""
_MEDIUM = TaskPriority.MEDIUM
_DEFAULT = TaskType.DEFAULT


class GlobalTaskScheduler:
    """Runs tasks in lanes: for the loop, for threads, for worker processes, for each device.

    A task waits in the queue of the lane that has its resource, never in a worker. Submitting
    never blocks: it returns a handle, or raises `QueueFull`. All methods belong to the event
    loop's thread.

        async with GlobalTaskScheduler() as scheduler:
            handle = scheduler.submit(compress, data, task_type=TaskType.CPU_BOUND)
            result = await handle

    Attributes:
        trace: what happened, oldest first.
    """

    def __init__(
        self, config: SchedulerConfig | None = None, devices: Iterable[Device] = ()
    ) -> None:
        """Make a scheduler; `start` opens its lanes.

        Args:
            config: lanes, bounds, devices.
            devices: stand for configured devices of their names, which are else opened.
        """
        self.config = config or SchedulerConfig()
        self.trace = Trace(self.config.trace_size)
        self.on_model_moved: Callable[[ModelMoved], None] | None = None
        self._given = {device.name: device for device in devices}
        self._lanes: dict[str, Lane] = {}
        self._device_lanes: dict[str, DeviceLane] = {}
        self._limits: dict[str, int] = {}
        self._history = TaskHistory(self.config.history_size, self.config.history_seconds)
        self._active = self._history.active
        self._numbers = itertools.count()
        self._prefix = f"task_{secrets.token_hex(4)}_"
        self._default_device = device_lane(self.config.devices[0].name)

    # -- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the lanes on the running event loop; harmless if they are open."""
        if self._lanes:
            return
        loop = asyncio.get_running_loop()
        config = self.config
        self._open("default", CoroutineExecutor(loop), config.default, loop)
        cpu = ThreadExecutor(loop, "cpu", config.cpu.max_workers)
        self._open("cpu", cpu, config.cpu, loop)
        self._open("process", _processes(loop, config.process), config.process, loop)
        loads = LaneConfig(min_workers=len(config.devices), max_workers=len(config.devices))
        loading = DeviceExecutor(loop, LOADING, len(config.devices))
        self._open(LOADING, loading, loads, loop)
        opener = self._opener()
        for name, devices in lanes_of(config).items():
            lane = opener.open(name, devices, self._keys())
            self._lanes[name] = self._device_lanes[name] = lane

    async def stop(self, drain: float = 0.0) -> None:
        """Wait up to `drain` seconds for tasks to end, cancel the rest, and close the lanes.

        Coroutines get to run their clean-up; threads are asked to end and not waited for. Models
        are unloaded.
        """
        lanes = list(self._lanes.values())
        if drain > 0:
            await _within(drain, *(lane.drain() for lane in lanes))
        others = [lane for lane in lanes if lane.name != LOADING]
        for lane in others:
            lane.refuse()
        await _within(1.0, *(lane.drain() for lane in others))
        await _within(_UNLOAD, *(lane.unload() for lane in self._device_lanes.values()))
        for lane in lanes:
            lane.close()
        self._lanes.clear()
        self._device_lanes.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    # -- work --------------------------------------------------------------------------------

    @overload
    def submit(
        self,
        fn: Callable[..., Coroutine[Any, Any, T]],
        *args: Any,
        **options: Unpack[TaskOptions],
    ) -> TaskHandle[T]: ...

    @overload
    def submit(
        self, fn: Callable[..., T], *args: Any, **options: Unpack[TaskOptions]
    ) -> TaskHandle[T]: ...

    def submit(
        self, fn: Callable[..., Any], *args: Any, **options: Unpack[TaskOptions]
    ) -> TaskHandle[Any]:
        """Queue a task and return its handle.

        Args:
            fn: a coroutine function for DEFAULT, a plain function for CPU_BOUND, a plain function
                of a module for PROCESS, either kind for GPU_BOUND.
            *args: its positional arguments.
            **options: see `TaskOptions`.

        Raises:
            InvalidTaskError: the function does not fit the task type, or a bound is negative.
            QueueFull: the lane has too many waiting tasks.
            SchedulerClosed: the scheduler is not running.
        """
        if options:
            task_type = options.get("task_type", _DEFAULT)
            lane = self._lane(task_type, options.get("device"))
        else:
            task_type = _DEFAULT
            lane = self._lanes.get("default") or self.lane("default")
        lane.executor.check(fn)
        task_id = f"{self._prefix}{next(self._numbers)}"
        name = getattr(fn, "__qualname__", "task")
        info = TaskInfo(task_id, name, task_type, _MEDIUM, lane.name, time.time())
        job = Job(info, fn, args, lane)
        if options:
            configure(job, **options)
        self._active[task_id] = job
        try:
            lane.submit(job)
        except BaseException:
            del self._active[task_id]
            raise
        return job

    def check(self, fn: Callable[..., Any], task_type: TaskType, device: str | None = None) -> None:
        """Refuse a function that `submit` would refuse.

        Raises:
            InvalidTaskError: it does not fit the task type, or there is no such device.
            SchedulerClosed: the scheduler is not running.
        """
        self._lane(task_type, device).executor.check(fn)

    @overload
    async def run(
        self,
        fn: Callable[..., Coroutine[Any, Any, T]],
        *args: Any,
        **options: Unpack[TaskOptions],
    ) -> T: ...

    @overload
    async def run(self, fn: Callable[..., T], *args: Any, **options: Unpack[TaskOptions]) -> T: ...

    async def run(self, fn: Callable[..., Any], *args: Any, **options: Unpack[TaskOptions]) -> Any:
        """Submit a task that belongs to its caller, and return its result.

        Takes what `submit` takes. If the caller is cancelled, so is the task.
        """
        handle = self.submit(fn, *args, **options)
        try:
            return await handle
        except asyncio.CancelledError:
            handle.cancel("its caller was cancelled")
            raise

    def stream(
        self,
        fn: Callable[..., Any],
        *args: Any,
        buffer: int = 32,
        **options: Unpack[TaskOptions],
    ) -> TaskStream[Any]:
        """Queue a task that yields items; returns an async iterator over them.

        Args:
            fn: an async generator function for DEFAULT; for the other types a generator function,
                or a plain function whose first argument is ``emit``, which hands one item over,
                blocks while the buffer is full, and raises TaskCancelled once nobody listens.
            *args: its positional arguments.
            buffer: items that may wait for the consumer.
            **options: see `TaskOptions`; a stream is neither retried nor preempted.
        """
        if options.get("retries") or options.get("preemptible"):
            raise InvalidTaskError("a stream cannot start over: no retries, not preemptible")
        if options.get("batching") is not None:
            raise InvalidTaskError("streams are not batched: submit the items as tasks")
        if options.get("task_type") is TaskType.PROCESS:
            raise InvalidTaskError(
                "a worker process cannot stream: use TaskType.CPU_BOUND, or tasks for the parts"
            )
        if buffer < 1:
            raise InvalidTaskError("a stream's buffer must have place for at least one item")
        channel = Channel(asyncio.get_running_loop(), buffer)
        options.setdefault("name", getattr(fn, "__qualname__", "stream"))
        handle = self.submit(producer(fn, channel), *args, **options)
        self._active[handle.task_id].on_settled = channel.end
        return TaskStream(channel, handle)

    async def schedule_task(  # noqa: PLR0917 - the report's signature
        self,
        func: Callable[..., Any],
        name: str = "unnamed_task",
        priority: TaskPriority | int = TaskPriority.MEDIUM,
        task_type: TaskType = TaskType.DEFAULT,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> str:
        """Queue a task and return its id; `result` gives its outcome while it is remembered."""
        handle = self.submit(
            func,
            *args,
            name=name,
            priority=priority,  # type: ignore[arg-type]  # a number becomes one there
            task_type=task_type,
            kwargs=kwargs,
        )
        self._history.results.add(handle.task_id)
        return handle.task_id

    async def result(self, task_id: str) -> Any:
        """Wait for a task of `schedule_task` and return its result, or raise its error.

        Raises:
            InvalidTaskError: no such task is known any more, or it was not one of `schedule_task`.
        """
        job = self._history.job(task_id)
        if job is None:
            raise InvalidTaskError(f"no result is kept for task {task_id!r}")
        return await job

    def cancel(self, task_id: str) -> bool:
        """Cancel a task by its id; False if it is unknown or has ended."""
        job = self._active.get(task_id)
        return job is not None and job.cancel()

    # -- looking -----------------------------------------------------------------------------

    def task(self, task_id: str) -> TaskInfo | None:
        """Return a task's record, if it is active or still remembered."""
        return self._history.record(task_id)

    def tasks(self) -> Iterator[TaskInfo]:
        """Iterate over the records of active and remembered tasks."""
        return self._history.records()

    def active(self) -> list[TaskInfo]:
        """Return the records of tasks that wait or run, in the order of their submission."""
        return [job.info for job in self._active.values()]

    def waiting(self, most: int) -> list[Callable[..., Any]]:
        """Return the functions of those that wait among so many of the oldest active tasks."""
        jobs = itertools.islice(self._active.values(), most)
        return [job.fn for job in jobs if job.info.status is TaskStatus.PENDING]

    def statistics(self) -> dict[str, LaneStatistics]:
        """Return each lane's figures by its name."""
        return {name: lane.statistics() for name, lane in self._lanes.items()}

    def lane(self, name: str) -> Lane:
        """Return a lane, to pause, resume or drain it.

        Raises:
            InvalidTaskError: no lane has that name.
            SchedulerClosed: the scheduler is not running.
        """
        lane = self._lanes.get(name)
        if lane is None:
            if not self._lanes:
                raise SchedulerClosed("the scheduler is not running: start it first")
            raise InvalidTaskError(f"no lane {name!r}: there are {', '.join(self._lanes)}")
        return lane

    def limit_key(self, key: str, running: int | None) -> None:
        """Let at most that many tasks of a key run at a time in each lane; None lifts it."""
        if running is None:
            self._limits.pop(key, None)
        else:
            self._limits[key] = running
        for lane in self._lanes.values():
            lane.limit(key, running)

    # -- models ------------------------------------------------------------------------------

    def register_model(self, spec: ModelSpec[Any], device: str | None = None) -> None:
        """Let device tasks ask for a model by its name; it is loaded when the first one does.

        Args:
            spec: the model.
            device: the kind of devices that may hold it; the first configured one's if not given.

        Raises:
            InvalidTaskError: no such device is configured, or the name is taken.
        """
        self._device_lane(device).register(spec)

    async def revoke_model(self, name: str, device: str | None = None) -> None:
        """Cancel what computes with a model, unload it as soon as that has ended, and forget it.

        Raises:
            InvalidTaskError: no such model is registered there.
        """
        await self._device_lane(device).revoke(name)

    async def preload_model(self, name: str, device: str | None = None) -> bool:
        """Bring a model before any task asks for it, unless another one would have to go.

        Returns:
            Whether it is there now; if not, it comes with its first task.

        Raises:
            InvalidTaskError: no such model is registered there.
            Exception: what its loading raised.
        """
        return await self._device_lane(device).preload(name)

    async def unload_model(self, name: str, device: str | None = None) -> bool:
        """Free what a model takes once nothing uses it; it comes again with its next task.

        Returns:
            Whether it was loaded.

        Raises:
            InvalidTaskError: no such model is registered there.
        """
        return await self._device_lane(device).free_model(name)

    async def withdraw_model(self, name: str, device: str | None = None) -> None:
        """Unload a model once nothing uses it, and forget it.

        Raises:
            InvalidTaskError: no such model is registered there.
        """
        await self._device_lane(device).withdraw(name)

    def devices(self) -> tuple[DeviceStatistics, ...]:
        """Return each device's memory, compute and models at this moment."""
        lanes = self._device_lanes.values()
        return tuple(device_statistics(seat) for lane in lanes for seat in lane.backlog.seats)

    # -- inside ------------------------------------------------------------------------------

    def _device_lane(self, device: str | None) -> DeviceLane:
        name = self._default_device if device is None else device_lane(device)
        lane = self._device_lanes.get(name)
        if lane is None:
            self.lane(name)  # says what there is
            raise InvalidTaskError(f"lane {name!r} is not a device's")
        return lane

    def _opener(self) -> LaneOpener:
        return LaneOpener(
            config=self.config,
            trace=self.trace,
            given=self._given,
            host=swap_ledger(self.config, self._given),
            run=self._load,
            moved=self._model_moved,
            settled=self._history.settled,
        )

    async def _load(self, name: str, fn: Callable[..., Any], *args: Any) -> Any:
        """Run a load or an unload in a lane of its own, where no other work is in its way."""
        lane = self._lanes[LOADING]
        task_id = f"{self._prefix}{next(self._numbers)}"
        info = TaskInfo(task_id, name, TaskType.GPU_BOUND, TaskPriority.HIGH, LOADING, time.time())
        job = self._active[task_id] = Job(info, fn, args, lane)
        lane.submit(job)
        try:
            return await job
        except asyncio.CancelledError:
            job.cancel("its move was given up")
            await job.released()
            raise

    def _model_moved(self, moved: ModelMoved) -> None:
        if self.on_model_moved is not None:
            try:
                self.on_model_moved(moved)
            except Exception:
                log.exception("a listener to models failed", model=moved.model)

    def _keys(self) -> KeyTable:
        keys = KeyTable(self.config.fairness)
        for key, running in self._limits.items():
            keys.limit(key, running)
        return keys

    def _open(
        self,
        name: str,
        executor: Executor,
        config: LaneConfig,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        keys = self._keys()
        self._lanes[name] = Lane(
            name,
            executor,
            config=config,
            queue=ReadyQueue(aging=self.config.aging, keys=keys),
            keys=keys,
            trace=self.trace,
            loop=loop,
            settled=self._history.settled,
        )

    def _lane(self, task_type: TaskType, device: str | None) -> Lane:
        if task_type is _DEFAULT:
            name = "default"
        elif task_type is TaskType.CPU_BOUND:
            name = "cpu"
        elif task_type is TaskType.PROCESS:
            name = "process"
        else:
            name = self._default_device if device is None else device_lane(device)
        lane = self._lanes.get(name)
        return self.lane(name) if lane is None else lane


def _processes(loop: asyncio.AbstractEventLoop, config: ProcessConfig) -> ProcessExecutor:
    return ProcessExecutor(
        loop,
        config.max_workers,
        WorkerLimits(config.memory, config.cores, config.nice),
        recycle_after=config.recycle_after,
        idle_seconds=config.idle_seconds,
    )


async def _within(seconds: float, *waits: Coroutine[Any, Any, None]) -> None:
    """Wait for all, but not longer than that; what is not done by then is left."""
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for wait in waits:
                group.create_task(wait)
    except TimeoutError:
        pass
