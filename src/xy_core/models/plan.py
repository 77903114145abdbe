"""In which forms a model could be held beside others: all on the device, a part of it, none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import PurePosixPath
from typing import Literal

from xy_core.core.model import Variant
from xy_core.models.catalogue import CatalogueEntry
from xy_core.models.store import ModelStore
from xy_core.models.transformer import Transformer

_GROUP_SHARE = 8
"""Under group offload an eighth of a component's weights lies on the device: the group that
computes and the one that is being copied, of about sixteen (SD 1.5's UNet has 25 blocks)."""
_MODEL_OFFLOAD_SPEED = 0.9
_GROUP_OFFLOAD_SPEED = 0.5
_HOST_SPEED = 0.05
"""Relative speeds of pictures, for the order only: weights cross the bus once a picture, once a
step, or the processor does it all. Measured load and run times replace such guesses at work."""


@dataclass(frozen=True, slots=True)
class LlamaVariant(Variant):
    """A GGUF model in llama.cpp.

    Attributes:
        n_gpu_layers: llama.cpp's own parameter: the output layer and so many blocks less one.
        n_ctx: llama.cpp's own parameter: tokens of all conversations together.
    """

    _: KW_ONLY
    n_gpu_layers: int
    n_ctx: int


@dataclass(frozen=True, slots=True)
class DiffusersVariant(Variant):
    """A pipeline of diffusers.

    Attributes:
        offload: ``none``: ``pipe.to(device)``; ``model``: ``enable_model_cpu_offload()``, one
            component at a time on the device; ``group``: ``enable_group_offload()``, a few blocks
            at a time; ``host``: the processor computes.
    """

    _: KW_ONLY
    offload: Literal["none", "model", "group", "host"]


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model with the forms in which it could be held.

    Attributes:
        id: its id in the catalogue.
        kind: what it does.
        variants: the best first; the last one needs nothing of the device.
        working: bytes of the device that one computation needs beside it.
        measured: whether its sizes come from its files rather than from the catalogue.
    """

    id: str
    kind: str
    variants: tuple[Variant, ...]
    working: int = 0
    measured: bool = False

    def fitting(self, room: int) -> Variant:
        """Return the best variant that fits, with its working memory, into so many bytes.

        The last one if none does, as that is all there is.
        """
        for variant in self.variants:
            if variant.device_bytes + self.working <= room:
                return variant
        return self.variants[-1]


def plan_model(store: ModelStore, entry: CatalogueEntry, *, room: int, n_ctx: int) -> PlannedModel:
    """Work out the forms in which a model could be held on a device with so much free memory.

    Args:
        store: where its files are, if they are installed.
        entry: the model.
        room: bytes of the device that are free when nothing else is loaded.
        n_ctx: tokens of context that a language model keeps.

    Raises:
        ModelError: its file is damaged.
    """
    gguf = Transformer.of(store, entry)
    if gguf is not None:
        variants = llama_variants(gguf, room=room, n_ctx=n_ctx)
        return PlannedModel(entry.id, entry.kind, variants, measured=gguf.measured)
    if any(file.name == "model_index.json" for file in entry.files):
        components = _components(entry)
        working = max(0, entry.vram_bytes - sum(components))
        return PlannedModel(entry.id, entry.kind, diffusers_variants(components), working)
    host = Variant("host", 0, host_bytes=entry.ram_bytes)
    if not entry.vram_bytes:
        return PlannedModel(entry.id, entry.kind, (host,))
    full = Variant("full", entry.vram_bytes)
    host = Variant("host", 0, _HOST_SPEED, entry.ram_bytes)
    return PlannedModel(entry.id, entry.kind, (full, host))


def host_memory(store: ModelStore, entry: CatalogueEntry, n_ctx: int = 0) -> int:
    """Return the bytes that a model takes when the processor computes it.

    Raises:
        ModelError: its file is damaged.
    """
    return plan_model(store, entry, room=0, n_ctx=n_ctx).variants[-1].host_bytes


def llama_variants(model: Transformer, *, room: int, n_ctx: int) -> tuple[LlamaVariant, ...]:
    """Return a GGUF model's variants: all on the device, as much as fits, quarters, nothing.

    Args:
        model: its layers and their sizes.
        room: bytes that are free.
        n_ctx: tokens of context.
    """
    most = model.layers + 1
    best = next(
        (n for n in range(most, 0, -1) if model.device_bytes(n, n_ctx) <= room),
        0,
    )
    quarters = [model.layers * part // 4 for part in (3, 2, 1)]
    steps = [most, best, *(step for step in quarters if 0 < step < best), 0]
    return tuple(_llama(model, step, n_ctx) for step in dict.fromkeys(steps))


def _llama(model: Transformer, n_gpu_layers: int, n_ctx: int) -> LlamaVariant:
    name = {0: "host", model.layers + 1: "full"}.get(n_gpu_layers, f"partial-{n_gpu_layers}")
    return LlamaVariant(
        name,
        model.device_bytes(n_gpu_layers, n_ctx),
        model.speed(n_gpu_layers),
        model.host_bytes(n_gpu_layers, n_ctx),
        n_gpu_layers=n_gpu_layers,
        n_ctx=n_ctx,
    )


def diffusers_variants(components: Iterable[int]) -> tuple[DiffusersVariant, ...]:
    """Return a pipeline's variants.

    Model offload holds one component at a time on the device, so the largest counts; group offload
    a few blocks of it. (diffusers, Reduce memory usage: model offloading, group offloading.)

    Args:
        components: the bytes of each component's weights in half precision.
    """
    sizes = list(components)
    total, largest = sum(sizes), max(sizes, default=0)
    group = largest // _GROUP_SHARE
    return (
        DiffusersVariant("full", total, offload="none"),
        DiffusersVariant("model-offload", largest, _MODEL_OFFLOAD_SPEED, total, offload="model"),
        DiffusersVariant("group-offload", group, _GROUP_OFFLOAD_SPEED, total, offload="group"),
        # Half precision is slow or missing on processors: single precision takes twice as much.
        DiffusersVariant("host", 0, _HOST_SPEED, 2 * total, offload="host"),
    )


def _components(entry: CatalogueEntry) -> list[int]:
    """Return the bytes of the weights of each component, which has a folder of its own."""
    sizes: dict[str, int] = {}
    for file in entry.files:
        path = PurePosixPath(file.name)
        if path.suffix == ".safetensors":
            sizes[path.parts[0]] = sizes.get(path.parts[0], 0) + file.size
    return list(sizes.values())
