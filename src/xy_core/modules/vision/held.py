"""A model that sees, as one that the scheduler brings and takes away, whole or in part."""

from __future__ import annotations

from xy_core.core.model import ModelSpec, Variant
from xy_core.modules.vision.questions import VisionModel, VisionQuestion

_PATCH = 14 * 14
"""Pixels of one patch of Qwen2-VL's vision transformer."""
_HEADS = 16
_WIDTH = 1_280
"""Its attention heads, and the numbers of one patch between its layers."""


def vision_model(
    name: str, model: VisionModel, variants: tuple[Variant, ...]
) -> ModelSpec[VisionModel]:
    """Return a model that tasks get as their first argument.

    Args:
        name: unique among the models of a scheduler.
        model: what loads and answers.
        variants: how it may be held, the best first.
    """

    def load(device: str, variant: Variant) -> VisionModel:
        model.load(device, variant)
        return model

    def unload(loaded: VisionModel) -> None:
        loaded.close()

    return ModelSpec(name, variants, load, unload)


def working_memory(question: VisionQuestion) -> int:
    """Return the bytes of the device that looking at the pictures needs beside the model.

    The largest picture counts, as they are encoded one after the other: the scores of attention,
    patches² in half precision for each head, and about eight single-precision rows a patch.
    """
    patches = max(picture.width * picture.height for picture in question.pictures) // _PATCH + 1
    return 2 * _HEADS * patches**2 + 8 * 4 * _WIDTH * patches
