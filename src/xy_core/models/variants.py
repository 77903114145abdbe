"""How a model may be held on the devices that a scheduler has."""

from __future__ import annotations

from xy_core.core.device import DeviceKind
from xy_core.core.model import Variant
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models.plan import PlannedModel, host_memory, plan_model
from xy_core.models.store import ModelStore


def plan_on(
    scheduler: GlobalTaskScheduler, device: str, store: ModelStore, model_id: str, n_ctx: int = 0
) -> PlannedModel:
    """Work out how a model may be held: by the processor alone, or on a device as far as it fits.

    Args:
        scheduler: whose devices there are.
        device: one (``cuda:1``) or any of a kind (``cuda``); the first that fits is planned for.
        store: where its files are.
        model_id: its id in the catalogue.
        n_ctx: tokens of context that a language model keeps.

    Raises:
        UnknownModelError: the catalogue does not know the model.
        ModelNotInstalledError: it is not on this machine.
        ModelError: its file is damaged.
    """
    entry = store.get(model_id).entry
    names = {device}
    found = next(
        (one for one in scheduler.devices() if names & {one.name, one.name.partition(":")[0]}), None
    )
    if found is None or found.kind is DeviceKind.CPU or found.memory is None:
        host = Variant("host", host_memory(store, entry, n_ctx))
        planned = plan_model(store, entry, room=0, n_ctx=n_ctx)
        return PlannedModel(entry.id, entry.kind, (host,), planned.working, planned.measured)
    return plan_model(store, entry, room=found.memory.total, n_ctx=n_ctx)
