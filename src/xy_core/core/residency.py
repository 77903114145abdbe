"""Which models are on a device: what comes, what goes, and in what form."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from xy_core.core.errors import DeviceMemoryError, ModelLoadError, OutOfDeviceMemory
from xy_core.core.ledger import MemoryLease, MemoryLedger
from xy_core.core.model import ModelMoved, ModelSpec, ModelState, Variant

_COOLDOWN = 5.0
"""Seconds after a failed load before the next attempt; doubles with each failure."""
_COOLDOWN_CAP = 300.0
_RETURN_TIMEOUT = 5.0
"""Seconds that a driver may take to give back the memory of an unloaded model."""


IDLE = math.inf
"""When a model is due for which nothing waits."""


class Run(Protocol):
    """Runs loading and unloading as tasks of their own, off the loop if they are plain."""

    def __call__(  # noqa: D102 - see the class
        self, name: str, fn: Callable[..., Any], *args: Any
    ) -> Coroutine[Any, Any, Any]: ...


@dataclass(slots=True, eq=False)
class Resident:
    """One model as seen from one device.

    Attributes:
        spec: the model.
        state: where it is.
        variant: how it is held, while it is.
        loaded: what `ModelSpec.load` gave.
        users: tasks that compute with it now.
        load_seconds: how long loading took the last time.
        value: what keeping it is worth (see `Residency`).
    """

    spec: ModelSpec[Any]
    state: ModelState = ModelState.COLD
    variant: Variant | None = None
    loaded: Any = None
    lease: MemoryLease | None = None
    users: int = 0
    uses: int = 0
    load_seconds: float = 0.0
    value: float = 0.0
    smallest: int = 0
    failures: int = 0
    retry_at: float = 0.0
    error: Exception | None = None
    idle: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class Admission:
    """The right of one task to compute: its model stays, its working memory is its own.

    Attributes:
        resident: the model it uses; None if it uses none.
        lease: its working memory; None if it needs none.
    """

    resident: Resident | None
    lease: MemoryLease | None


class Residency:
    """The models of one device.

    One move at a time is under way: some models go, then one comes, so that a load never waits
    for memory that another load has taken. Requests to models that stay are served meanwhile.

    What to evict: first models for which nothing waits, then those whose next task is furthest
    away (Belády 1966: here the queue tells the future). Among equals the least valuable goes, by
    frequency × reload time / size, aged as in GreedyDual-Size with Frequency (Cherkasova 1998).
    """

    def __init__(
        self,
        ledger: MemoryLedger,
        *,
        run: Run,
        moved: Callable[[ModelMoved], None],
    ) -> None:
        self.ledger = ledger
        self.device = ledger.device
        self._loop = asyncio.get_running_loop()
        self._run = run
        self._tell = moved
        self._residents: dict[str, Resident] = {}
        self._move: asyncio.Task[None] | None = None
        self._age = 0.0

    def __iter__(self) -> Iterator[Resident]:
        return iter(self._residents.values())

    @property
    def moving(self) -> bool:
        """Whether a model comes or goes."""
        return self._move is not None

    def register(self, spec: ModelSpec[Any]) -> None:
        """Know a model; it stays cold until a task asks for it."""
        self._residents[spec.name] = Resident(spec)

    async def withdraw(self, name: str) -> None:
        """Unload a model once nothing uses it, and forget it."""
        while self._move is not None:
            await asyncio.wait([self._move])
        resident = self._residents.pop(name)
        if resident.state is ModelState.READY:
            await self._let_go(resident)

    def state(self, name: str) -> ModelState:
        """Return where a model is."""
        return self._residents[name].state

    def load_seconds(self, name: str) -> float:
        """Return how long it would take to bring a model here, as far as known."""
        resident = self._residents[name]
        bandwidth = self.device.load_bandwidth
        return resident.load_seconds or resident.spec.variants[0].device_bytes / bandwidth

    # -- computing ---------------------------------------------------------------------------

    def admit(self, name: str | None, task: str, working: int) -> Admission | None:
        """Let a task compute if its model is ready and its working memory free; None if not.

        Args:
            name: the model's name, if it uses one.
            task: who holds the working memory.
            working: bytes that it needs beside the model.
        """
        resident = None
        if name is not None:
            resident = self._residents[name]
            if resident.state is not ModelState.READY:
                return None
        lease = None
        if working:
            lease = self.ledger.promise(task, working)
            if lease is None:
                return None
        if resident is not None:
            resident.users += 1
            resident.uses += 1
            resident.idle.clear()
            resident.value = self._age + resident.uses * self._worth(resident)
        return Admission(resident, lease)

    def release(self, admission: Admission) -> None:
        """Take back what a task was lent."""
        if admission.lease is not None:
            admission.lease.release()
        resident = admission.resident
        if resident is not None:
            resident.users -= 1
            if not resident.users:
                resident.idle.set()

    # -- coming and going --------------------------------------------------------------------

    def bring(self, name: str, working: int, due: Callable[[str], float]) -> bool:
        """Begin to bring a model, if there is room or room can be made; whether it comes.

        Args:
            name: the model.
            working: bytes that its first task needs beside it.
            due: when the next task of another model is due; only those that are not due before
                the wanted one (`IDLE`: nothing waits) may be evicted.

        Raises:
            ModelLoadError: it failed to load lately.
            DeviceMemoryError: it would not fit into an empty device.
        """
        resident = self._residents[name]
        if self._move is not None:
            return resident.state is ModelState.LOADING
        if resident.state is ModelState.FAILED:
            self._after_cooldown(resident)
        variant = self._fitting(resident, working)
        victims = self._victims(resident, variant.device_bytes + working, due)
        if victims is None:
            return False
        self._move = self._loop.create_task(
            self._exchange(resident, variant, working, victims), name=f"bring {name}"
        )
        resident.state = ModelState.LOADING
        for victim in victims:
            victim.state = ModelState.DRAINING
        return True

    def degrade(self, resident: Resident) -> bool:
        """Never again hold a model in a variant as large as now; False if there is no smaller."""
        variants = resident.spec.variants
        held = variants.index(resident.variant) if resident.variant in variants else 0
        resident.smallest = max(resident.smallest, held + 1)
        return resident.smallest < len(variants)

    async def evict(self, name: str) -> None:
        """Unload a model as soon as nothing uses it."""
        resident = self._residents[name]
        if resident.state is ModelState.READY:
            await self._let_go(resident)

    async def close(self) -> None:
        """Give up the move under way and unload everything."""
        if self._move is not None:
            self._move.cancel()
            await asyncio.wait([self._move])
        for resident in self._residents.values():
            if resident.state is ModelState.READY:
                await self._let_go(resident)

    # -- inside ------------------------------------------------------------------------------

    def _fitting(self, resident: Resident, working: int) -> Variant:
        """The best variant for which there would be room beside the pinned models."""
        pinned = sum(
            other.lease.size
            for other in self._residents.values()
            if other.spec.pinned and other.lease is not None and other is not resident
        )
        room = self.ledger.total - pinned - working
        variants = resident.spec.variants[resident.smallest :]
        for variant in variants:
            if variant.device_bytes <= room:
                return variant
        least = min((v.device_bytes for v in resident.spec.variants), default=0)
        raise DeviceMemoryError(self.device.name, least + working, self.ledger.total - pinned)

    def _victims(
        self, wanted: Resident, size: int, due: Callable[[str], float]
    ) -> list[Resident] | None:
        """Choose whom to evict for that many bytes; None if it cannot be done now."""
        loaded = [other for other in self._residents.values() if other.lease is not None]
        group = wanted.spec.group
        victims = [other for other in loaded if group and other.spec.group == group]
        mine = due(wanted.spec.name)
        if any(due(victim.spec.name) < mine for victim in victims):
            return None
        missing = size - self.ledger.free() - sum(_size(victim) for victim in victims)
        others = [
            (-when, other.value, number, other)
            for number, other in enumerate(loaded)
            if other not in victims
            and not other.spec.pinned
            and other.state is ModelState.READY
            and (when := due(other.spec.name)) >= mine
        ]
        for _, _, _, other in sorted(others):
            if missing <= 0:
                break
            victims.append(other)
            missing -= _size(other)
        return victims if missing <= 0 else None

    async def _exchange(
        self, wanted: Resident, variant: Variant, working: int, victims: list[Resident]
    ) -> None:
        try:
            for victim in victims:
                await self._let_go(victim)
            await self._load(wanted, variant, working)
        except Exception as error:  # noqa: BLE001 - a backend's load may raise anything
            self._fail(wanted, error)
        finally:
            self._move = None
            if wanted.state is ModelState.LOADING:
                wanted.state = ModelState.COLD  # the move was cancelled
            self._announce(wanted)

    async def _load(self, wanted: Resident, variant: Variant, working: int) -> None:
        """Load the variant, or the largest smaller one that the device can take."""
        later = wanted.spec.variants[wanted.spec.variants.index(variant) :]
        error = OutOfDeviceMemory("others have taken the memory that was to be free")
        for candidate in later:
            size = candidate.device_bytes
            if not await self.ledger.until_free(size + working, _RETURN_TIMEOUT):
                continue
            lease = self.ledger.promise(wanted.spec.name, size)
            if lease is None:
                continue
            begun = self._loop.time()
            try:
                wanted.loaded = await self._run(
                    f"load {wanted.spec.name}", wanted.spec.load, self.device.name, candidate
                )
            except OutOfDeviceMemory as out:
                lease.release()
                error = out
                continue
            except BaseException:
                lease.release()
                raise
            self._arrived(wanted, candidate, lease, self._loop.time() - begun)
            return
        raise error

    def _arrived(
        self, wanted: Resident, variant: Variant, lease: MemoryLease, seconds: float
    ) -> None:
        wanted.lease = lease
        wanted.variant = variant
        wanted.load_seconds = seconds
        wanted.failures = 0
        wanted.error = None
        measure = wanted.spec.measure
        lease.take(None if measure is None else measure(wanted.loaded))
        wanted.value = self._age + wanted.uses * self._worth(wanted)
        wanted.state = ModelState.READY
        wanted.idle.set()

    async def _let_go(self, resident: Resident) -> None:
        """Unload a model after its last user; its memory is free then, or the driver is slow."""
        resident.state = ModelState.DRAINING
        await resident.idle.wait()
        resident.state = ModelState.UNLOADING
        self._age = max(self._age, resident.value)
        loaded, resident.loaded, resident.variant = resident.loaded, None, None
        try:
            await self._run(f"unload {resident.spec.name}", resident.spec.unload, loaded)
        finally:
            if resident.lease is not None:
                resident.lease.release()
                resident.lease = None
            resident.state = ModelState.COLD
            self._announce(resident)

    def _fail(self, wanted: Resident, error: Exception) -> None:
        wanted.state = ModelState.FAILED
        wanted.error = error
        pause = min(_COOLDOWN_CAP, _COOLDOWN * 2.0**wanted.failures)
        wanted.failures += 1
        wanted.retry_at = self._loop.time() + pause

    def _after_cooldown(self, resident: Resident) -> None:
        left = resident.retry_at - self._loop.time()
        if left > 0 and resident.error is not None:
            raise ModelLoadError(resident.spec.name, self.device.name, resident.error, left)
        resident.state = ModelState.COLD

    def _worth(self, resident: Resident) -> float:
        return resident.load_seconds / max(1, _size(resident))

    def _announce(self, resident: Resident) -> None:
        variant = resident.variant
        self._tell(
            ModelMoved(
                resident.spec.name,
                self.device.name,
                resident.state,
                variant.name if variant else "",
                variant is not None and variant != resident.spec.variants[0],
                str(resident.error) if resident.state is ModelState.FAILED else "",
            )
        )


def _size(resident: Resident) -> int:
    return resident.lease.size if resident.lease is not None else 0
