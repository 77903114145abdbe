"""Which models are on a device: what comes, what goes, and in what form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from xy_core.core.errors import DeviceMemoryError, ModelLoadError
from xy_core.core.eviction import Due, fitting, victims, worth
from xy_core.core.ledger import MemoryLedger
from xy_core.core.model import ModelMoved, ModelSpec, ModelState, Variant
from xy_core.core.mover import ModelMover, Run
from xy_core.core.resident import Admission, Resident

_COOLDOWN = 5.0
"""Seconds after a failed load before the next attempt; doubles with each failure."""
_COOLDOWN_CAP = 300.0


class Residency:
    """The models of one device.

    One move at a time is under way: some models go, then one comes, so that a load never waits
    for memory that another load has taken. Requests to models that stay are served meanwhile.
    Which models go is `eviction`'s decision.
    """

    def __init__(
        self,
        ledger: MemoryLedger,
        *,
        run: Run,
        moved: Callable[[ModelMoved], None],
        host: MemoryLedger | None = None,
    ) -> None:
        """Keep the models of one device.

        Args:
            ledger: the books of the device's memory.
            run: runs loads and unloads.
            moved: told whenever a model came, went, or could not come.
            host: the books of host RAM into which models may be swapped; none are if not given.
        """
        self.ledger = ledger
        self.device = ledger.device
        self._loop = asyncio.get_running_loop()
        self._mover = ModelMover(ledger, run=run, moved=moved, host=host)
        self._residents: dict[str, Resident] = {}
        self._move: asyncio.Task[None] | None = None
        self._incoming = 0
        self._age = 0.0

    def __iter__(self) -> Iterator[Resident]:
        return iter(self._residents.values())

    def __contains__(self, name: object) -> bool:
        return name in self._residents

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
        await self._mover.unload(self._residents[name])
        self._residents.pop(name, None)

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
            if working > self.ledger.free() - self._incoming:
                return None
            lease = self.ledger.promise(task, working)
            if lease is None:
                return None
            lease.fill()
        if resident is not None:
            resident.users += 1
            resident.uses += 1
            resident.idle.clear()
            resident.value = self._age + resident.uses * worth(resident)
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

    def bring(self, name: str, working: int, due: Due) -> bool:
        """Begin to bring a model, if there is room or room can be made; whether it comes.

        Args:
            name: the model.
            working: bytes that its first task needs beside it.
            due: when the next task of another model is due; only those that are not due before
                the wanted one may be evicted.

        Raises:
            ModelLoadError: it failed to load lately.
            DeviceMemoryError: it would not fit into an empty device.
        """
        resident = self._residents[name]
        if self._move is not None:
            return resident.state is ModelState.LOADING
        if resident.state is ModelState.FAILED:
            self._after_cooldown(resident)
        variant = fitting(resident, self, self.ledger.total - working)
        if variant is None:
            raise self._too_large(resident, working)
        size = variant.device_bytes + working
        going = victims(resident, self, size - self.ledger.free(), due)
        if going is None:
            return False
        self._incoming = size
        self._move = self._loop.create_task(
            self._exchange(resident, variant, working, going), name=f"bring {name}"
        )
        for victim in going:
            victim.state = ModelState.DRAINING
        return True

    def degrade(self, resident: Resident) -> bool:
        """Never again hold a model in a variant as large as now; False if there is no smaller."""
        variants = resident.spec.variants
        held = variants.index(resident.variant) if resident.variant in variants else 0
        if held + 1 >= len(variants):
            return False
        resident.smallest = held + 1
        return True

    def evict_idle(self, spared: Resident | None) -> None:
        """Begin to unload what nothing uses, but for pinned models and one that is spared."""
        idle = [
            other
            for other in self
            if other is not spared
            and other.state is ModelState.READY
            and not other.users
            and not other.spec.pinned
        ]
        self.evict(*idle)

    def evict(self, *going: Resident) -> None:
        """Begin to unload models as soon as nothing uses them; not while another move is made."""
        if going and self._move is None:
            for resident in going:
                resident.state = ModelState.DRAINING
            self._move = self._loop.create_task(self._make_room(going), name="evict")

    async def close(self) -> None:
        """Give up the move under way and unload everything."""
        await self._give_up()
        for resident in self:
            if resident.state in {ModelState.READY, ModelState.SWAPPED}:
                await self._mover.unload(resident)

    async def lose(self) -> None:
        """Forget all that was on a device that has disappeared."""
        await self._give_up()
        for resident in self:
            resident.forget()
            resident.idle.set()
            self._mover.announce(resident)

    # -- inside ------------------------------------------------------------------------------

    async def _give_up(self) -> None:
        if self._move is not None and self._move is not asyncio.current_task():
            self._move.cancel()
            await asyncio.wait([self._move])

    async def _exchange(
        self, wanted: Resident, variant: Variant, working: int, going: list[Resident]
    ) -> None:
        restored = wanted.state is ModelState.SWAPPED and variant == wanted.variant
        try:
            if wanted.state is ModelState.SWAPPED and not restored:
                await self._mover.unload(wanted)
            wanted.state = ModelState.LOADING
            await self._all_go(going)
            if restored:
                await self._mover.swap_in(wanted, variant, working)
            else:
                await self._mover.load(wanted, variant, working)
            wanted.value = self._age + wanted.uses * worth(wanted)
        except Exception as error:  # noqa: BLE001 - a backend's load may raise anything
            self._fail(wanted, error)
        finally:
            self._move = None
            self._incoming = 0
            if wanted.state is ModelState.LOADING:  # the move was cancelled
                swapped = wanted.host_lease is not None
                wanted.state = ModelState.SWAPPED if swapped else ModelState.COLD
            self._mover.announce(wanted)

    async def _make_room(self, going: tuple[Resident, ...]) -> None:
        last = going[-1]
        try:
            await self._all_go(going)
        finally:
            self._move = None
            self._mover.announce(last)  # once more, now that another move may begin

    async def _all_go(self, going: list[Resident] | tuple[Resident, ...]) -> None:
        try:
            for victim in going:
                await self._part(victim)
        finally:
            for victim in going:  # those whose turn did not come stay
                if victim.state is ModelState.DRAINING:
                    victim.state = ModelState.READY

    async def _part(self, resident: Resident) -> None:
        """Swap or unload a model after its last user."""
        resident.state = ModelState.DRAINING
        await resident.idle.wait()
        resident.state = ModelState.UNLOADING
        self._age = max(self._age, resident.value)
        if not await self._mover.swap_out(resident, self):
            await self._mover.unload(resident)

    def _fail(self, wanted: Resident, error: Exception) -> None:
        wanted.forget()
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

    def _too_large(self, resident: Resident, working: int) -> DeviceMemoryError:
        least = min((variant.device_bytes for variant in resident.variants), default=0)
        return DeviceMemoryError(self.device.name, least + working, self.ledger.total)
