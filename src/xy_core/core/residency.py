"""Which models are on a device: what comes, what goes, and in what form."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import structlog

from xy_core.core.errors import DeviceLost, DeviceMemoryError, InvalidTaskError, ModelLoadError
from xy_core.core.eviction import IDLE, Claim, fitting, pinned, victims, worth
from xy_core.core.ledger import MemoryLedger
from xy_core.core.model import ModelMoved, ModelSpec, ModelState, Variant
from xy_core.core.mover import ModelMover, Run, to_the_end
from xy_core.core.resident import Admission, Resident

log = structlog.get_logger("residency")

_LEAVING = frozenset({ModelState.DRAINING, ModelState.UNLOADING})


class Residency:
    """The models of one device.

    One move at a time is under way: some models go, then one comes, so that a load never waits
    for memory that another load has taken. Requests to models that stay are served meanwhile.
    Which models go is `eviction`'s decision.

    Attributes:
        ledger: the books of the device's memory.
        device: the device.
        lost: whether it has disappeared.
        changed: called whenever a model or a move may have made something possible.
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
        self.lost = False
        self.changed: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._tell = moved
        self._mover = ModelMover(ledger, run=run, moved=self._moved, host=host)
        self._residents: dict[str, Resident] = {}
        self._move: asyncio.Task[None] | None = None
        self._wanted: Resident | None = None
        self._incoming = 0
        self._age = 0.0
        self._closed = False

    def __iter__(self) -> Iterator[Resident]:
        return iter(self._residents.values())

    def __contains__(self, name: object) -> bool:
        resident = self._residents.get(name) if isinstance(name, str) else None
        return resident is not None and not resident.withdrawn

    @property
    def moving(self) -> bool:
        """Whether a model comes or goes."""
        return self._move is not None

    def register(self, spec: ModelSpec[Any]) -> None:
        """Know a model; it stays cold until a task asks for it.

        Raises:
            InvalidTaskError: its name is taken.
        """
        if spec.name in self._residents:
            raise InvalidTaskError(f"a model {spec.name!r} is registered, or not yet withdrawn")
        self._residents[spec.name] = Resident(spec)

    def retire(self, name: str) -> None:
        """Let no further task use a model; `withdraw` has to follow."""
        self._residents[name].withdrawn = True

    async def withdraw(self, name: str) -> None:
        """Unload a retired model once nothing uses it, and forget it; stays if cancelled."""
        resident = self._residents[name]
        try:
            await resident.idle.wait()
            await self._until_still()
        except asyncio.CancelledError:
            resident.withdrawn = False
            raise
        if not self._closed:
            await asyncio.wait([self._begin(self._dismiss(resident), f"withdraw {name}")])

    def resident(self, name: str) -> Resident:
        """Return a model that is known here."""
        return self._residents[name]

    def state(self, name: str) -> ModelState:
        """Return where a model is."""
        return self._residents[name].state

    def load_seconds(self, name: str) -> float:
        """Return how long it would take to bring a model here, as far as known."""
        resident = self._residents[name]
        bandwidth = self.device.load_bandwidth
        return resident.load_seconds or resident.spec.variants[0].device_bytes / bandwidth

    # -- room --------------------------------------------------------------------------------

    def least(self, name: str | None) -> int:
        """Return the bytes that a model, or none, takes of the device in its smallest variant."""
        if name is None:
            return 0
        return min(variant.device_bytes for variant in self._residents[name].spec.variants)

    def most(self, name: str | None) -> int:
        """Return the working memory that a task could get at most beside its model, in bytes.

        The model counts as it is held now, or else in its best variant.
        """
        if name is None:
            return self._usable(None)
        resident = self._residents[name]
        size = resident.size or resident.variants[0].device_bytes
        return self._usable(resident) - size

    def make_room(self, name: str | None, working: int, claim: Claim) -> None:
        """Begin to free working memory for a task whose model, if it needs one, is loaded.

        Raises:
            DeviceMemoryError: there will never be as much.
        """
        resident = None if name is None else self._residents[name]
        if self._move is not None:
            return
        if resident is not None and resident.outgrown:
            self.evict(resident)
            return
        if working > self.most(name):
            if resident is None or resident.spec.pinned or not self._fits(resident, working):
                raise self._too_large(name, working)
            self.evict(resident)  # to come back in a variant that leaves the room
            return
        missing = working - self.ledger.free()
        if missing > 0:
            going = victims(resident, self, missing, claim)
            self.evict(*going or ())

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
            if resident.state is not ModelState.READY or resident.outgrown:
                return None
        lease = None
        if working:
            if working > self.ledger.free() - self._kept():
                return None
            lease = self.ledger.promise(task, working)
            if lease is None:
                return None
            try:
                lease.fill()
            except DeviceLost:
                lease.release()
                raise
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

    def bring(self, name: str, working: int, claim: Claim) -> bool:
        """Begin to bring a model, if there is room or room can be made; whether it comes.

        Args:
            name: the model.
            working: bytes that its first task needs beside it.
            claim: which other models may go for it.

        Raises:
            ModelLoadError: it failed to load lately.
            DeviceMemoryError: it would not fit beside the pinned models.
        """
        resident = self._residents[name]
        if self._move is not None or self._closed:
            return False
        left = resident.cooldown(self._loop.time())
        if left > 0 and resident.error is not None:
            error = ModelLoadError(resident.spec.name, self.device.name, resident.error, left)
            raise error from resident.error
        if not self._fits(resident, working):
            raise self._too_large(name, working)
        free = self.ledger.free()
        ours = free + self.ledger.promised  # what other programs leave to us
        variant = fitting(resident, min(self._usable(resident), ours) - working)
        if variant is None:
            return False
        size = variant.device_bytes + working
        going = victims(resident, self, size - free, claim)
        if going is None:
            return False
        restored = resident.state is ModelState.SWAPPED and variant == resident.variant
        self._incoming, self._wanted = size, resident
        resident.state = ModelState.LOADING
        for victim in going:
            victim.state = ModelState.DRAINING
        move = self._exchange(resident, variant, working, going, restored=restored)
        self._begin(move, f"bring {name}")
        return True

    async def preload(self, name: str) -> bool:
        """Bring a model if there is room without any other going; whether it is here.

        Raises:
            Exception: what its loading raised.
            DeviceMemoryError: it would not fit beside the pinned models.
        """
        resident = self._residents[name]
        while True:
            await self._until_still()
            if resident.state is ModelState.FAILED and resident.error is not None:
                raise resident.error
            if resident.state is ModelState.READY:
                return True
            if not self.bring(name, 0, Claim(IDLE, lambda _: -math.inf)):
                return False

    async def unload(self, name: str) -> bool:
        """Unload a model after its last user; whether it was here. Its next task brings it."""
        resident = self._residents[name]
        await self._until_still()
        if self._closed or resident.state not in {ModelState.READY, ModelState.SWAPPED}:
            return False
        if resident.state is ModelState.READY:
            resident.state = ModelState.DRAINING
        await asyncio.wait([self._begin(self._free(resident), f"unload {name}")])
        return resident.state is ModelState.COLD

    def degrade(self, resident: Resident) -> bool:
        """Never again hold a model in a variant as large as now; False if there is no smaller."""
        variants = resident.spec.variants
        held = variants.index(resident.variant) if resident.variant in variants else 0
        smaller = held + 1 < len(variants)
        if smaller:
            resident.smallest = held + 1
        return smaller

    def evict_idle(self, spared: Resident | None) -> None:
        """Begin to unload what nothing uses, but for pinned models and one that is spared."""
        self.evict(
            *(
                other
                for other in self
                if other is not spared
                and other.state is ModelState.READY
                and not other.users
                and not other.spec.pinned
            )
        )

    def evict(self, *going: Resident) -> None:
        """Begin to unload models as soon as nothing uses them; not while another move is made."""
        if going and self._move is None:
            for resident in going:
                resident.state = ModelState.DRAINING
            self._begin(self._part(going), "evict")

    async def close(self) -> None:
        """Give up the move under way and unload everything."""
        self._closed = True
        if self._move is not None:
            self._move.cancel()
        await self._until_still()
        for resident in list(self):
            await self._mover.unload(resident)

    def lose(self) -> None:
        """Forget all that was on a device that has disappeared; harmless when repeated."""
        if self.lost:
            return
        self.lost = True
        log.error("device lost", device=self.device.name)
        if self._move is not None and self._move is not asyncio.current_task():
            self._move.cancel()
        for resident in self:
            if resident.lease is not None:
                resident.forget()
                self._mover.announce(resident)
        self.changed()

    # -- inside ------------------------------------------------------------------------------

    def _begin(self, move: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        self._move = self._loop.create_task(move, name=name)
        self._move.add_done_callback(self._ended)
        return self._move

    def _ended(self, move: asyncio.Task[None]) -> None:
        """Let the next move begin; what a move that was given up had not begun is as before."""
        self._move = self._wanted = None
        self._incoming = 0
        for resident in self:
            if resident.state is ModelState.DRAINING:
                resident.state = ModelState.READY
            elif resident.state is ModelState.LOADING:
                swapped = resident.host_lease is not None
                resident.state = ModelState.SWAPPED if swapped else ModelState.COLD
        if not move.cancelled() and (error := move.exception()) is not None:
            log.error("a move of models failed", device=self.device.name, error=repr(error))
        self.changed()

    async def _until_still(self) -> None:
        while self._move is not None:
            await asyncio.wait([self._move])

    async def _exchange(
        self,
        wanted: Resident,
        variant: Variant,
        working: int,
        going: list[Resident],
        *,
        restored: bool,
    ) -> None:
        try:
            await self._part(going)
            if restored:
                came = await self._mover.swap_in(wanted, variant, working)
            else:
                await to_the_end(self._mover.unload(wanted))  # from host RAM, if it is there
                wanted.state = ModelState.LOADING
                came = await self._mover.load(wanted, variant, working)
            if came:
                wanted.value = self._age + wanted.uses * worth(wanted)
                self._wanted = None  # what was kept for its first task is that one's now
                self._mover.announce(wanted)
        except DeviceLost:
            self.lose()
        except Exception as error:  # noqa: BLE001 - a backend's load may raise anything
            wanted.fail(error, self._loop.time())
            self._mover.announce(wanted)

    async def _part(self, going: list[Resident] | tuple[Resident, ...]) -> None:
        """Swap or unload models, each after its last user."""
        for resident in going:
            await resident.idle.wait()
            self._age = max(self._age, resident.value)
            await to_the_end(self._go(resident))

    async def _go(self, resident: Resident) -> None:
        resident.state = ModelState.UNLOADING
        if not await self._mover.swap_out(resident, self):
            await self._mover.unload(resident)

    async def _free(self, resident: Resident) -> None:
        await resident.idle.wait()
        await to_the_end(self._mover.unload(resident))

    async def _dismiss(self, resident: Resident) -> None:
        await to_the_end(self._mover.unload(resident))
        del self._residents[resident.spec.name]

    def _moved(self, event: ModelMoved) -> None:
        self._tell(event)
        self.changed()

    def _usable(self, resident: Resident | None) -> int:
        """Bytes of the device beside its other models that stay in any case."""
        return self.ledger.total - pinned(self, resident)

    def _fits(self, resident: Resident, working: int) -> bool:
        return fitting(resident, self._usable(resident) - working) is not None

    def _kept(self) -> int:
        """Bytes that must stay free for the model to come, beside what is about to come free."""
        if self._wanted is None:
            return 0
        leaving = sum(other.size for other in self if other.state in _LEAVING)
        return max(0, self._incoming - self._wanted.size - leaving)

    def _too_large(self, name: str | None, working: int) -> DeviceMemoryError:
        return DeviceMemoryError(self.device.name, self.least(name) + working, self.ledger.total)
