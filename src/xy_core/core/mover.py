"""How a model comes onto a device and goes from it: loading, unloading, swapping to host RAM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

import structlog

from xy_core.core.errors import OutOfDeviceMemory
from xy_core.core.ledger import MemoryLease, MemoryLedger
from xy_core.core.model import ModelMoved, ModelState, Variant
from xy_core.core.resident import Resident

log = structlog.get_logger("residency")

_RETURN_TIMEOUT = 5.0
"""Seconds that a driver may take to give back the memory of an unloaded model."""


class Run(Protocol):
    """Runs loading and unloading as tasks of their own, off the loop if they are plain."""

    def __call__(  # noqa: D102 - see the class
        self, name: str, fn: Callable[..., Any], *args: Any
    ) -> Coroutine[Any, Any, Any]: ...


class ModelMover:
    """Moves single models and keeps the books of their memory; decides nothing."""

    def __init__(
        self,
        ledger: MemoryLedger,
        *,
        run: Run,
        moved: Callable[[ModelMoved], None],
        host: MemoryLedger | None,
    ) -> None:
        self._ledger = ledger
        self._loop = asyncio.get_running_loop()
        self._run = run
        self._tell = moved
        self._host = host

    async def load(self, wanted: Resident, variant: Variant, working: int) -> None:
        """Load the variant, or the largest smaller one that the device can take.

        Raises:
            OutOfDeviceMemory: not even the smallest could be loaded.
            Exception: whatever `ModelSpec.load` raised.
        """
        later = wanted.spec.variants[wanted.spec.variants.index(variant) :]
        error = OutOfDeviceMemory("others have taken the memory that was to be free")
        for candidate in later:
            lease = await self._room(wanted, candidate, working)
            if lease is None:
                continue
            begun = self._loop.time()
            try:
                wanted.loaded = await self._run(
                    f"load {wanted.spec.name}",
                    wanted.spec.load,
                    self._ledger.device.name,
                    candidate,
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

    async def swap_in(self, wanted: Resident, variant: Variant, working: int) -> None:
        """Bring a swapped model back.

        Raises:
            OutOfDeviceMemory: others have taken the memory.
        """
        lease = await self._room(wanted, variant, working)
        if lease is None or wanted.spec.swap_in is None:
            raise OutOfDeviceMemory("others have taken the memory that was to be free")
        begun = self._loop.time()
        try:
            await self._run(
                f"swap in {wanted.spec.name}",
                wanted.spec.swap_in,
                wanted.loaded,
                self._ledger.device.name,
            )
        except BaseException:
            lease.release()
            raise
        if wanted.host_lease is not None:
            wanted.host_lease.release()
            wanted.host_lease = None
        self._arrived(wanted, variant, lease, self._loop.time() - begun)

    async def _room(self, wanted: Resident, variant: Variant, working: int) -> MemoryLease | None:
        """Lease the memory of a variant, once the driver shows it as free."""
        size = variant.device_bytes
        if not await self._ledger.until_free(size + working, _RETURN_TIMEOUT):
            return None
        lease = self._ledger.promise(wanted.spec.name, size)
        if lease is not None:
            lease.fill()
        return lease

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
        wanted.state = ModelState.READY
        wanted.idle.set()

    async def swap_out(self, resident: Resident, residents: Iterable[Resident]) -> bool:
        """Move a model into host RAM; False if it must be unloaded instead."""
        spec = resident.spec
        if self._host is None or spec.swap_out is None or spec.swap_in is None:
            return False
        host_lease = await self._host_room(self._host, resident, residents)
        if host_lease is None:
            return False
        try:
            await self._run(f"swap out {spec.name}", spec.swap_out, resident.loaded)
        except Exception as error:  # noqa: BLE001 - it is then unloaded
            host_lease.release()
            log.warning("model could not be swapped out", model=spec.name, error=repr(error))
            return False
        host_lease.take()
        if resident.lease is not None:
            resident.lease.release()
        resident.lease, resident.host_lease = None, host_lease
        resident.state = ModelState.SWAPPED
        self.announce(resident)
        return True

    async def _host_room(
        self, host: MemoryLedger, resident: Resident, residents: Iterable[Resident]
    ) -> MemoryLease | None:
        """Lease host RAM for a model; swapped models that are worth less make room."""
        lease = host.promise(resident.spec.name, resident.size)
        while lease is None:
            lesser = [
                other
                for other in residents
                if other.state is ModelState.SWAPPED and other.value < resident.value
            ]
            if not lesser:
                return None
            await self.unload(min(lesser, key=lambda other: other.value))
            lease = host.promise(resident.spec.name, resident.size)
        return lease

    async def unload(self, resident: Resident) -> None:
        """Unload a model after its last user, wherever it is held."""
        if resident.state is ModelState.READY:
            resident.state = ModelState.DRAINING
            await resident.idle.wait()
        if resident.loaded is None and resident.lease is None:
            return
        resident.state = ModelState.UNLOADING
        name = resident.spec.name
        try:
            await self._run(f"unload {name}", resident.spec.unload, resident.loaded)
        except Exception as error:  # noqa: BLE001 - what it holds is the driver's to tell
            log.warning("model did not unload cleanly", model=name, error=repr(error))
        finally:
            resident.forget()
            self.announce(resident)

    def announce(self, resident: Resident) -> None:
        """Tell where a model is now."""
        variant = resident.variant
        self._tell(
            ModelMoved(
                resident.spec.name,
                self._ledger.device.name,
                resident.state,
                variant.name if variant else "",
                variant is not None and variant != resident.spec.variants[0],
                str(resident.error) if resident.state is ModelState.FAILED else "",
            )
        )
