"""One device as a lane sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from xy_core.core.device import DeviceKind
from xy_core.core.errors import DeviceLost
from xy_core.core.job import Job
from xy_core.core.ledger import MemoryAccount
from xy_core.core.model import ModelState
from xy_core.core.residency import Residency
from xy_core.core.resident import Admission, Resident


@dataclass(slots=True, eq=False)
class Seat:
    """One device of a lane, and how much of its compute is taken.

    Attributes:
        residency: its models and memory.
        slots: tasks that may compute at a time.
        running: slots that are taken.
    """

    residency: Residency
    slots: int
    running: int = 0

    @property
    def name(self) -> str:
        """The device's name."""
        return self.residency.device.name

    @property
    def lost(self) -> bool:
        """Whether the device has disappeared."""
        return self.residency.lost

    def has_place(self, model: str | None) -> bool:
        """Whether one more task may compute with a model, or with none."""
        resident = None
        if model is not None and model in self.residency:
            resident = self.residency.resident(model)
        return not self.lost and self._fits(resident)

    def place(self, admission: Admission) -> None:
        """Let an admitted task compute."""
        self.running += self._takes_slot(admission.resident)
        if admission.resident is not None:
            admission.resident.computing += 1
        admission.placed = True

    def displace(self, admission: Admission) -> None:
        """Take back the place of a task, if it has one."""
        if not admission.placed:
            return
        admission.placed = False
        if admission.resident is not None:
            admission.resident.computing -= 1
        self.running -= self._takes_slot(admission.resident)

    def replace(self, admission: Admission) -> bool:
        """Let a task go on that gave way, if there is a place; a lost device has no end of them."""
        if not (self._fits(admission.resident) or self.lost):
            return False
        self.place(admission)
        return True

    def _fits(self, resident: Resident | None) -> bool:
        if resident is None or self._takes_slot(resident):
            return self.running < self.slots
        return resident.computing < (resident.spec.together or 0)

    def _takes_slot(self, resident: Resident | None) -> bool:
        """Whether a task would take one more slot, or its end frees one."""
        return resident is None or resident.spec.together is None or not resident.computing

    def holds(self, model: str | None) -> bool:
        """Whether tasks of a model, or of none, could compute here at once."""
        if model is None:
            return True
        return model in self.residency and self.residency.state(model) is ModelState.READY

    def expects(self, model: str) -> bool:
        """Whether a model is here or on its way."""
        return self.residency.state(model) in {ModelState.READY, ModelState.LOADING}

    @property
    def free(self) -> int:
        """Bytes of its memory that may still be promised."""
        try:
            return self.residency.ledger.free()
        except DeviceLost:
            self.residency.lose()
            return 0

    def ask(self) -> None:
        """Ask the driver afresh: it may show other figures, have disappeared, or be back."""
        try:
            self.residency.ledger.refresh()
            self.residency.lost = False
        except DeviceLost:
            self.residency.lose()

    @contextmanager
    def noticing_loss(self) -> Iterator[None]:
        """Note that the device is lost if that is what an error in the block says."""
        try:
            yield
        except DeviceLost:
            self.residency.lose()
            raise

    def admit(self, job: Job, working: int) -> Admission | None:
        """Let a job compute here if its model is ready and its memory free; takes no slot."""
        try:
            return self.residency.admit(job.model, job.info.task_id, working)
        except DeviceLost:
            self.residency.lose()
            return None


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """A model on a device at one moment.

    Attributes:
        name: the model's name.
        state: where it is.
        variant: how it is held; empty while it is not.
        size: bytes of the device that it holds.
        full_size: bytes that it takes in its best variant.
        users: tasks that compute with it now.
        uses: tasks that ever did.
    """

    name: str
    state: ModelState
    variant: str
    size: int
    full_size: int
    users: int
    uses: int


@dataclass(frozen=True, slots=True)
class LeaseStatistics:
    """A promise of a device's memory at one moment.

    Attributes:
        holder: a model's name, or the id of a task that computes.
        size: bytes that are promised.
        taken: bytes of it that are known to be in use.
    """

    holder: str
    size: int
    taken: int


@dataclass(frozen=True, slots=True)
class DeviceStatistics:
    """A device at one moment.

    Attributes:
        name: as configured.
        kind: what it computes with.
        title: the maker's name for it.
        slots: tasks that may compute at a time.
        running: tasks that do.
        memory: the books of its memory; None if it does not answer.
        models: its models.
        leases: who was promised its memory, the largest first.
    """

    name: str
    kind: DeviceKind
    title: str
    slots: int
    running: int
    memory: MemoryAccount | None
    models: tuple[ModelStatistics, ...]
    leases: tuple[LeaseStatistics, ...] = ()


def device_statistics(seat: Seat) -> DeviceStatistics:
    """Return a device's figures, with a fresh reading of its memory."""
    device = seat.residency.device
    try:
        memory = seat.residency.ledger.account()
    except DeviceLost:
        seat.residency.lose()
        memory = None
    models = tuple(
        ModelStatistics(
            one.spec.name,
            one.state,
            "" if one.variant is None else one.variant.name,
            one.size,
            one.spec.variants[0].device_bytes,
            one.users,
            one.uses,
        )
        for one in seat.residency
    )
    return DeviceStatistics(
        device.name,
        device.kind,
        device.title,
        seat.slots,
        seat.running,
        memory,
        models,
        _leases(seat),
    )


def _leases(seat: Seat) -> tuple[LeaseStatistics, ...]:
    leases = sorted(seat.residency.ledger.leases, key=lambda lease: (-lease.size, lease.holder))
    return tuple(LeaseStatistics(one.holder, one.size, one.taken) for one in leases)
