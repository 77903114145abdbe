"""An image engine as a model that the scheduler brings and takes away, whole or in part."""

from __future__ import annotations

from xy_core.core.model import ModelSpec, Variant
from xy_core.models.plan import DiffusersVariant
from xy_core.modules.image.types import ImageEngine


def image_model(
    name: str, engine: ImageEngine, variants: tuple[Variant, ...]
) -> ModelSpec[ImageEngine]:
    """Return a model that tasks get as their first argument.

    Args:
        name: unique among the models of a scheduler.
        engine: what loads and paints.
        variants: how it may be held, the best first; see `DiffusersVariant`.
    """

    def load(device: str, variant: Variant) -> ImageEngine:
        offload = variant.offload if isinstance(variant, DiffusersVariant) else "host"
        engine.load(device, offload)
        return engine

    def unload(loaded: ImageEngine) -> None:
        loaded.close()

    return ModelSpec(name, variants, load, unload)
