"""A language model as one that the scheduler brings and takes away, whole or in part."""

from __future__ import annotations

from xy_core.core.model import ModelSpec, Variant
from xy_core.models.plan import LlamaVariant
from xy_core.modules.llm.types import LanguageModel


def language_model(
    name: str, model: LanguageModel, variants: tuple[Variant, ...]
) -> ModelSpec[LanguageModel]:
    """Return a model that tasks get as their first argument.

    Args:
        name: unique among the models of a scheduler.
        model: what loads and writes.
        variants: how it may be held, the best first; those of the planner say how many of its
            layers lie on the device.
    """

    def load(_device: str, variant: Variant) -> LanguageModel:
        model.load(variant.n_gpu_layers if isinstance(variant, LlamaVariant) else 0)
        return model

    def unload(loaded: LanguageModel) -> None:
        loaded.close()

    return ModelSpec(name, variants, load, unload)
