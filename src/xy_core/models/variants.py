"""How a model may be held on the devices that a scheduler has."""

from __future__ import annotations

from dataclasses import replace

from xy_core.core.config import NodeConfig
from xy_core.core.device import DeviceKind
from xy_core.core.model import Variant
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models.plan import PlannedModel, host_memory, plan_model
from xy_core.models.store import ModelStore


def plan_on(
    scheduler: GlobalTaskScheduler,
    device: str,
    store: ModelStore,
    model_id: str,
    *,
    n_ctx: int = 0,
    node: NodeConfig | None = None,
) -> PlannedModel:
    """Work out how a model may be held: by the processor alone, or on a device as far as it fits.

    Args:
        scheduler: whose devices there are.
        device: one (``cuda:1``) or any of a kind (``cuda``); the first that fits is planned for.
        store: where its files are.
        model_id: its id in the catalogue.
        n_ctx: tokens of context that a language model keeps.
        node: what the model asks of its node, if that is one of a cluster.

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
    if found is not None and found.kind is DeviceKind.CLUSTER:
        planned = plan_model(store, entry, room=0, n_ctx=n_ctx)
        return replace(planned, variants=(on_node(planned, node or NodeConfig()),))
    if found is None or found.kind is DeviceKind.CPU or found.memory is None:
        host = Variant("host", host_memory(store, entry, n_ctx))
        planned = plan_model(store, entry, room=0, n_ctx=n_ctx)
        return PlannedModel(entry.id, entry.kind, (host,), planned.working, planned.measured)
    return plan_model(store, entry, room=found.memory.total, n_ctx=n_ctx)


def on_node(planned: PlannedModel, node: NodeConfig) -> Variant:
    """Return the one form in which a node of a cluster holds a model: whole.

    What it takes of the cluster, all replicas together, is what it asks for, else what the
    processor would need, as the memory of graphics cards is theirs, and Ray counts those by the
    piece.
    """
    form = planned.variants[0] if node.gpus else planned.variants[-1]
    size = int(node.memory or planned.variants[-1].host_bytes)
    return replace(form, device_bytes=size * node.replicas)
