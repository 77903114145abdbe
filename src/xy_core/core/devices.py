"""Puts the device lanes of a scheduler together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from xy_core.core.backlog import Backlog
from xy_core.core.config import DeviceConfig, SchedulerConfig
from xy_core.core.device import Device
from xy_core.core.device_lane import PLACES, DeviceLane
from xy_core.core.executors import DeviceExecutor
from xy_core.core.job import Job
from xy_core.core.keys import KeyTable
from xy_core.core.ledger import MemoryLedger
from xy_core.core.model import ModelMoved
from xy_core.core.mover import Run
from xy_core.core.open_device import open_device
from xy_core.core.residency import Residency
from xy_core.core.seat import Seat
from xy_core.core.trace import Trace

_SHARED = 256
"""Threads for tasks that compute together on one slot; each is started when it is first needed."""


def kind_of(device: str) -> str:
    """Return a device's kind: ``cuda`` for ``cuda:1``."""
    return device.partition(":")[0]


def device_lane(device: str) -> str:
    """Return the name of the lane of a device, which it shares with all others of its kind."""
    return f"device:{kind_of(device)}"


def lanes_of(config: SchedulerConfig) -> dict[str, list[DeviceConfig]]:
    """Return the configured devices by lane, in their order."""
    lanes: dict[str, list[DeviceConfig]] = {}
    for device in config.devices:
        lanes.setdefault(device_lane(device.name), []).append(device)
    return lanes


def swap_ledger(config: SchedulerConfig, given: Mapping[str, Device]) -> MemoryLedger | None:
    """Return the books of the host RAM that models may be swapped into, if any is allowed."""
    if not config.swap_memory:
        return None
    host = given.get("cpu") or open_device(DeviceConfig(name="cpu"))
    return MemoryLedger(host, budget=config.swap_memory)


@dataclass(frozen=True, slots=True)
class LaneOpener:
    """What all device lanes of a scheduler have in common.

    Attributes:
        config: the scheduler's.
        trace: records what happens.
        given: devices that were not to be opened by their names.
        host: the books of host RAM for swapped models, if there are any.
        run: runs loads and unloads.
        moved: told of models that come and go.
        settled: told of tasks whose outcome is known.
    """

    config: SchedulerConfig
    trace: Trace
    given: Mapping[str, Device]
    host: MemoryLedger | None
    run: Run
    moved: Callable[[ModelMoved], None]
    settled: Callable[[Job], None]

    def open(self, name: str, devices: Iterable[DeviceConfig], keys: KeyTable) -> DeviceLane:
        """Open the lane of some devices on the running event loop."""
        loop = asyncio.get_running_loop()
        configs = tuple(devices)
        seats = [self._seat(config) for config in configs]
        backlog = Backlog(seats, aging=self.config.aging, affinity=self.config.affinity, keys=keys)
        slots = sum(config.slots for config in configs)
        return DeviceLane(
            name,
            # A task that gives way keeps its thread, and so do those of one slot; see `together`.
            DeviceExecutor(loop, name, PLACES * slots + _SHARED),
            backlog=backlog,
            queue_size=sum(config.queue_size for config in configs),
            keys=keys,
            trace=self.trace,
            loop=loop,
            settled=self.settled,
        )

    def _seat(self, config: DeviceConfig) -> Seat:
        device = self.given.get(config.name) or open_device(config)
        ledger = MemoryLedger(device, budget=config.memory, reserve=config.reserve)
        residency = Residency(ledger, run=self.run, moved=self.moved, host=self.host)
        return Seat(residency, config.slots)
