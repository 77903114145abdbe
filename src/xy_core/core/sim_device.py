"""A device that is not there: memory, a copy engine and a processor, simulated."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xy_core.core.device import DeviceKind, MemoryReading
from xy_core.core.errors import DeviceLost, OutOfDeviceMemory
from xy_core.core.sharing import SharedRate

OTHERS = -1
"""The process id under which the memory of other programs is shown; no real process has it."""


class SimDevice:
    """Behaves as a GPU does as far as scheduling is concerned; for tests and benchmarks.

    Time is the event loop's, so it runs in real time as well as on a `VirtualLoop`. All methods
    but `read_memory` belong to the loop.

    A batch of n equal inputs takes ``seconds × (f + (1 − f) × n)``: a fixed part, such as reading
    the weights once, and a part for each input. f is chosen so that the throughput at
    `batch_size` is `batch_efficiency` times that of single inputs:
    ``f = b × (1 − 1/e) / (b − 1)``; 1.3 at 4 gives 1.18 at 2 and 1.37 at 8.

    Attributes:
        out_of_memory_errors: how often memory did not suffice.
        peak_bytes: the most that was in use by us at one moment.
        load_seconds: how long the copy engine was busy.
    """

    kind = DeviceKind.SIM

    def __init__(
        self,
        name: str = "sim:0",
        *,
        memory: int,
        load_bandwidth: float = 8e9,
        speed: float = 1.0,
        batch_efficiency: float = 1.0,
        batch_size: int = 4,
        return_delay: float = 0.0,
        foreign: int = 0,
    ) -> None:
        """Make a device.

        Args:
            name: as in the configuration.
            memory: bytes that it has.
            load_bandwidth: bytes a second of its copy engine.
            speed: seconds of work that it does in a second.
            batch_efficiency: throughput of a batch of `batch_size`, relative to single inputs.
            batch_size: for which that holds.
            return_delay: seconds until unloaded memory is shown as free.
            foreign: bytes that other programs use.

        Raises:
            ValueError: a size or a rate makes no sense.
        """
        if memory <= 0 or load_bandwidth <= 0 or speed <= 0 or return_delay < 0:
            raise ValueError("memory, load_bandwidth and speed must be positive")
        if batch_size <= 1 or not 1 <= batch_efficiency <= batch_size:
            raise ValueError("batch_efficiency must lie between 1 and batch_size, which is over 1")
        self.name = name
        self.title = "simulated device"
        self.load_bandwidth = load_bandwidth
        self.out_of_memory_errors = 0
        self.peak_bytes = 0
        self.load_seconds = 0.0
        self._memory = memory
        self._fixed = batch_size * (1 - 1 / batch_efficiency) / (batch_size - 1)
        self._return_delay = return_delay
        self._loaded = 0
        self._working = 0
        self._returning = 0
        self._foreign = min(foreign, memory)
        self._processor = SharedRate(speed)
        self._copy_engine = asyncio.Lock()
        self._copying: asyncio.Future[None] | None = None
        self._lost = False

    # -- memory ------------------------------------------------------------------------------

    def read_memory(self) -> MemoryReading:
        """See `Device`."""
        self._require()
        ours = self._loaded + self._working + self._returning
        by_process = {os.getpid(): ours, OTHERS: self._foreign}
        return MemoryReading(self._memory, self._free, by_process)

    @property
    def used(self) -> int:
        """Bytes that models and computations of ours hold."""
        return self._loaded + self._working

    def occupy(self, size: int) -> int:
        """Let other programs use that many bytes, or what is left of them; returns how many."""
        self._foreign = min(size, self._foreign + self._free)
        return self._foreign

    async def load(self, size: int) -> None:
        """Bring a model's bytes here; copies go one after another, memory is taken at once.

        Raises:
            OutOfDeviceMemory: there is not as much.
            DeviceLost: the device disappeared.
        """
        self._allocate(size)
        self._loaded += size
        try:
            async with self._copy_engine:
                await self._copy(size / self.load_bandwidth)
        except BaseException:
            self.unload(size)
            raise

    def unload(self, size: int) -> None:
        """Give a model's bytes back; the driver shows them as free after `return_delay`.

        Raises:
            ValueError: not as much is loaded.
        """
        if size > self._loaded:
            raise ValueError(f"{size} bytes cannot be unloaded: only {self._loaded} are loaded")
        self._loaded -= size
        if self._return_delay and not self._lost:
            self._returning += size
            asyncio.get_running_loop().call_later(self._return_delay, self._returned, size)

    # -- computing ---------------------------------------------------------------------------

    @asynccontextmanager
    async def computing(self, working: int) -> AsyncIterator[None]:
        """Hold working memory for the block, over several steps of `compute`.

        Raises:
            OutOfDeviceMemory: there is not as much at this moment.
            DeviceLost: the device disappeared.
        """
        self._allocate(working)
        self._working += working
        try:
            yield
        finally:
            self._working -= working

    async def compute(self, seconds: float, *, working: int = 0, batch: int = 1) -> None:
        """Compute; what runs at the same time shares the device's speed equally.

        Long work that may give way calls it once for each step.

        Args:
            seconds: what one input takes alone on a device of speed 1.
            working: bytes that it needs meanwhile, for the whole batch.
            batch: inputs that are computed together.

        Raises:
            OutOfDeviceMemory: there is not as much memory at this moment.
            DeviceLost: the device disappeared.
        """
        async with self.computing(working):
            await self._processor.serve(seconds * self.batch_cost(batch))

    def batch_cost(self, batch: int) -> float:
        """Return what a batch takes, relative to one input; see the class for the formula."""
        return self._fixed + (1 - self._fixed) * batch

    @property
    def running(self) -> int:
        """How many computations run."""
        return self._processor.running

    @property
    def busy_seconds(self) -> float:
        """For how long the processor has computed anything."""
        return self._processor.busy_seconds()

    def fail(self) -> None:
        """Disappear: what runs, what loads, and what is asked for later ends in DeviceLost."""
        self._lost = True
        self._processor.fail(self._gone())
        if self._copying is not None and not self._copying.done():
            self._copying.set_exception(self._gone())

    # -- inside ------------------------------------------------------------------------------

    @property
    def _free(self) -> int:
        return self._memory - self._foreign - self._returning - self.used

    def _allocate(self, size: int) -> None:
        self._require()
        if size > self._free:
            self.out_of_memory_errors += 1
            raise OutOfDeviceMemory(
                f"{self.name}: {size:,} bytes were asked for, {self._free:,} are free"
            )
        self.peak_bytes = max(self.peak_bytes, self.used + size)

    async def _copy(self, seconds: float) -> None:
        self._require()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._copying = loop.create_future()
        timer = loop.call_later(seconds, _finish, self._copying)
        try:
            await self._copying
        finally:
            timer.cancel()
            self._copying = None
            self.load_seconds += loop.time() - begun

    def _returned(self, size: int) -> None:
        self._returning -= size

    def _require(self) -> None:
        if self._lost:
            raise self._gone()

    def _gone(self) -> DeviceLost:
        return DeviceLost(f"device {self.name!r} does not answer any more")


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
