"""Where a task runs: one of many devices, chosen by what is there, memory, load and affinity."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sortedcontainers import SortedList

from xy_core.core.errors import DeviceMemoryError, InvalidTaskError


@dataclass(frozen=True, slots=True)
class Need:
    """What a task asks of its device.

    Attributes:
        memory: bytes beside the model while it runs; 0 for work that only needs a slot.
        model: the model that it computes with; empty for none.
        model_bytes: what that model takes of a device.
        near: the device that has the task's data, taken if there is room; empty for none.
    """

    memory: int = 0
    model: str = ""
    model_bytes: int = 0
    near: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A decision: where the task runs, and which idle models leave that device for it."""

    device: str
    need: Need
    evicted: tuple[str, ...] = ()


@dataclass(slots=True)
class _Seat:
    """One device: its bounds, and what it holds now.

    Attributes:
        free: bytes that neither tasks nor the models that they use have.
        used: how many tasks use each model that is in use.
        idle: bytes by model of those that are there unused, the longest unused first.
    """

    name: str
    memory: int
    slots: int
    free: int = 0
    running: int = 0
    used: dict[str, int] = field(default_factory=dict)
    idle: OrderedDict[str, int] = field(default_factory=OrderedDict)
    idle_bytes: int = 0

    @property
    def load(self) -> float:
        return self.running / self.slots


class Placement:
    """Chooses devices; a decision takes time in the order of the logarithm of their number.

    A task goes where it wants to be (`Need.near`), else to a device that has its model, else to
    the one whose free memory fits it closest (best fit), so that room for large ones stays. Work
    that needs no memory goes to the least loaded device. Models stay after their last task, and
    leave, the longest unused first, when their memory is needed.
    """

    def __init__(self) -> None:
        self._seats: dict[str, _Seat] = {}
        self._by_free: SortedList[tuple[int, int, str]] = SortedList()
        self._by_load: SortedList[tuple[float, str]] = SortedList()
        self._by_size: SortedList[tuple[int, str]] = SortedList()
        self._holders: dict[str, SortedList[tuple[int, int, str]]] = {}

    def __len__(self) -> int:
        return len(self._seats)

    def add(self, device: str, memory: int, slots: int) -> None:
        """Let a device take work.

        Args:
            device: its name, unique in the cluster.
            memory: bytes that tasks and models may use.
            slots: tasks that may run there at a time.

        Raises:
            InvalidTaskError: the name is taken, or a bound makes no sense.
        """
        if device in self._seats or memory < 0 or slots < 1:
            raise InvalidTaskError(f"device {device!r} is there already, or has no slot or memory")
        seat = self._seats[device] = _Seat(device, memory, slots, free=memory)
        self._by_size.add((memory, device))
        self._enter(seat)

    def remove(self, device: str) -> None:
        """Forget a device that is gone, with all that it held; harmless if it is unknown."""
        seat = self._seats.get(device)
        if seat is not None:
            self._leave(seat)
            self._by_size.remove((seat.memory, device))
            del self._seats[device]

    def place(self, need: Need) -> Place | None:
        """Choose a device and take its room; None if nothing has room now.

        Raises:
            DeviceMemoryError: not even the largest device, empty, would have room.
            InvalidTaskError: a size is negative.
        """
        if need.memory < 0 or need.model_bytes < 0:
            raise InvalidTaskError("a task's memory and its model's are not negative")
        seat = self._near(need) or self._with_model(need) or self._closest(need)
        if seat is None:
            self._refuse_impossible(need)
            return None
        return self._take(seat, need)

    def most_room(self) -> int:
        """Return the bytes of the largest task that would be placed now; 0 if none would."""
        return self._by_free[-1][0] if self._by_free else 0

    def release(self, place: Place) -> None:
        """Give back what a task had; harmless if its device is gone."""
        seat = self._seats.get(place.device)
        if seat is None or not seat.running:
            return
        self._leave(seat)
        need = place.need
        seat.running -= 1
        seat.free += need.memory
        if need.model and need.model in seat.used:
            seat.used[need.model] -= 1
            if not seat.used[need.model]:
                del seat.used[need.model]
                seat.idle[need.model] = need.model_bytes
                seat.idle_bytes += need.model_bytes
                seat.free += need.model_bytes
        self._enter(seat)

    # -- choosing ----------------------------------------------------------------------------

    def _near(self, need: Need) -> _Seat | None:
        seat = self._seats.get(need.near)
        return seat if seat is not None and self._has_room(seat, need) else None

    def _with_model(self, need: Need) -> _Seat | None:
        holders = self._holders.get(need.model) if need.model else None
        if not holders:
            return None
        # A holder whose model is idle needs room for it too: it counts as free until it is used.
        for wanted in (need.memory, need.memory + need.model_bytes):
            at = holders.bisect_left((wanted, -1, ""))
            if at < len(holders):
                seat = self._seats[holders[at][2]]
                if self._has_room(seat, need):
                    return seat
        return None

    def _closest(self, need: Need) -> _Seat | None:
        wanted = need.memory + need.model_bytes
        if not wanted:
            return self._seats[self._by_load[0][1]] if self._by_load else None
        at = self._by_free.bisect_left((wanted, -1, ""))
        return self._seats[self._by_free[at][2]] if at < len(self._by_free) else None

    @staticmethod
    def _has_room(seat: _Seat, need: Need) -> bool:
        model_bytes = 0 if need.model in seat.used else need.model_bytes
        return seat.running < seat.slots and seat.free >= need.memory + model_bytes

    def _refuse_impossible(self, need: Need) -> None:
        wanted = need.memory + need.model_bytes
        if self._by_size and wanted > self._by_size[-1][0]:
            largest, device = self._by_size[-1]
            raise DeviceMemoryError(device, wanted, largest)

    # -- keeping -----------------------------------------------------------------------------

    def _take(self, seat: _Seat, need: Need) -> Place:
        self._leave(seat)
        seat.running += 1
        seat.free -= need.memory
        if need.model:
            if need.model not in seat.used:
                seat.free -= need.model_bytes
                seat.idle_bytes -= seat.idle.pop(need.model, 0)
            seat.used[need.model] = seat.used.get(need.model, 0) + 1
        evicted = []
        while seat.idle_bytes > seat.free:
            model, size = seat.idle.popitem(last=False)
            seat.idle_bytes -= size
            evicted.append(model)
        self._enter(seat)
        return Place(seat.name, need, tuple(evicted))

    def _enter(self, seat: _Seat) -> None:
        """Put a device with a free slot into the orders in which it is looked for."""
        if seat.running >= seat.slots:
            return
        key = (seat.free, seat.running, seat.name)
        self._by_free.add(key)
        self._by_load.add((seat.load, seat.name))
        for model in _models(seat):
            self._holders.setdefault(model, SortedList()).add(key)

    def _leave(self, seat: _Seat) -> None:
        if seat.running >= seat.slots:
            return
        key = (seat.free, seat.running, seat.name)
        self._by_free.remove(key)
        self._by_load.remove((seat.load, seat.name))
        for model in _models(seat):
            holders = self._holders[model]
            holders.remove(key)
            if not holders:
                del self._holders[model]


def _models(seat: _Seat) -> Iterable[str]:
    yield from seat.used
    yield from seat.idle
