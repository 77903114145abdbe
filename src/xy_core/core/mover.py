"""How a model comes onto a device and goes from it: loading, unloading, swapping to host RAM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar

import structlog

from xy_core.core.errors import OutOfDeviceMemory
from xy_core.core.functions import is_coroutine_function
from xy_core.core.ledger import MemoryLease, MemoryLedger
from xy_core.core.model import ModelMoved, ModelSpec, ModelState, Variant
from xy_core.core.resident import Resident

T = TypeVar("T")
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

    async def load(self, wanted: Resident, variant: Variant, working: int) -> bool:
        """Load the variant, or the best lesser one that the device can take.

        Returns:
            Whether it was loaded; False if others have taken the memory meanwhile.

        Raises:
            OutOfDeviceMemory: not even the least could be loaded, though its memory was free.
            Exception: whatever `ModelSpec.load` raised.
        """
        later = wanted.spec.variants[wanted.spec.variants.index(variant) :]
        error: OutOfDeviceMemory | None = None
        for candidate in later:
            if await self._lease(wanted, candidate, working):
                begun = self._loop.time()
                try:
                    wanted.loaded = await self._load(wanted, candidate)
                except OutOfDeviceMemory as out:
                    wanted.drop_lease()
                    error = out
                except BaseException:
                    wanted.drop_lease()
                    raise
                else:
                    self._arrived(wanted, candidate, self._loop.time() - begun)
                    return True
        if error is not None:
            raise error
        return False

    async def _load(self, wanted: Resident, variant: Variant) -> Any:
        """Run the load; one that is given up leaves nothing behind, even on a thread."""
        spec = wanted.spec
        loading = self._loop.create_task(
            self._run(f"load {spec.name}", spec.load, self._ledger.device.name, variant)
        )
        try:
            return await asyncio.shield(loading)
        except asyncio.CancelledError:
            if is_coroutine_function(spec.load):
                loading.cancel()
            await asyncio.wait([loading])
            if not loading.cancelled() and loading.exception() is None:
                await self._unload(spec, loading.result())
            raise

    async def swap_in(self, wanted: Resident, variant: Variant, working: int) -> bool:
        """Bring a swapped model back, or load it anew if that fails; see `load`."""
        spec = wanted.spec
        if spec.swap_in is None or not await self._lease(wanted, variant, working):
            return False
        begun = self._loop.time()
        device = self._ledger.device.name
        try:
            await to_the_end(self._run(f"swap in {spec.name}", spec.swap_in, wanted.loaded, device))
        except Exception as error:  # noqa: BLE001 - it is then loaded
            log.warning("model could not be swapped in", model=spec.name, error=repr(error))
            await to_the_end(self.unload(wanted))
            wanted.state = ModelState.LOADING
            return await self.load(wanted, variant, working)
        wanted.drop_host_lease()
        self._arrived(wanted, variant, self._loop.time() - begun)
        return True

    async def _lease(self, wanted: Resident, variant: Variant, working: int) -> bool:
        """Lease the memory of a variant, once the driver shows it as free."""
        size = variant.device_bytes
        if await self._ledger.until_free(size + working, _RETURN_TIMEOUT):
            wanted.lease = self._ledger.promise(wanted.spec.name, size)
        if wanted.lease is None:
            return False
        wanted.lease.fill()
        return True

    def _arrived(self, wanted: Resident, variant: Variant, seconds: float) -> None:
        wanted.variant = variant
        wanted.load_seconds = seconds
        wanted.failures = 0
        wanted.error = None
        if wanted.lease is not None:
            wanted.lease.take(_measured(wanted))
        wanted.state = ModelState.READY

    async def swap_out(self, resident: Resident, residents: Iterable[Resident]) -> bool:
        """Move a model into host RAM; False if it must be unloaded instead."""
        spec = resident.spec
        if self._host is None or spec.swap_out is None:
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
        resident.drop_lease()
        resident.host_lease = host_lease
        resident.state = ModelState.SWAPPED
        self.announce(resident)
        return True

    async def _host_room(
        self, host: MemoryLedger, resident: Resident, residents: Iterable[Resident]
    ) -> MemoryLease | None:
        """Lease host RAM for a model; swapped models that are worth less make room."""
        lesser = [
            other
            for other in residents
            if other.state is ModelState.SWAPPED and other.value < resident.value
        ]
        sizes = (0 if other.host_lease is None else other.host_lease.size for other in lesser)
        if resident.size > host.free() + sum(sizes):
            return None
        for other in sorted(lesser, key=lambda other: other.value):
            if resident.size <= host.free():
                break
            await self.unload(other)
        return host.promise(resident.spec.name, resident.size)

    async def unload(self, resident: Resident) -> None:
        """Unload a model after its last user, wherever it is held."""
        if resident.lease is None and resident.host_lease is None:
            return
        if resident.state is ModelState.READY:
            resident.state = ModelState.DRAINING
        await resident.idle.wait()
        resident.state = ModelState.UNLOADING
        await self._unload(resident.spec, resident.loaded)
        resident.forget()
        self.announce(resident)

    async def _unload(self, spec: ModelSpec[Any], loaded: Any) -> None:
        try:
            await self._run(f"unload {spec.name}", spec.unload, loaded)
        except Exception as error:  # noqa: BLE001 - what it holds is the driver's to tell
            log.warning("model did not unload cleanly", model=spec.name, error=repr(error))

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


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await what must not be cut short; a cancellation comes through when it has ended."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _measured(resident: Resident) -> int | None:
    """Return what a loaded model says that it takes; None if it cannot tell."""
    measure = resident.spec.measure
    try:
        return None if measure is None else measure(resident.loaded)
    except Exception as error:  # noqa: BLE001 - the variant's figure counts then
        log.warning("model cannot be measured", model=resident.spec.name, error=repr(error))
        return None
