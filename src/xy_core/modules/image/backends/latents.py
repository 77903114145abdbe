"""A rough look at latents, without decoding them."""

from __future__ import annotations

from typing import Any

import numpy as np

from xy_core.modules.image.types import Pixels

_TO_RGB = np.array(
    [
        [0.298, 0.207, 0.208],
        [0.187, 0.286, 0.173],
        [-0.158, 0.189, 0.264],
        [-0.184, -0.271, -0.473],
    ],
    np.float32,
)
"""RGB of each of the four channels of SD 1.x's latents, fitted by linear regression: Keturn,
"Decoding latents to RGB without upscaling", Hugging Face forum, 2022."""


def preview(latents: Any) -> tuple[Pixels, ...]:  # noqa: ANN401 - a torch tensor
    """Return a picture of an eighth of the size for each of the latents.

    Args:
        latents: float, (pictures, 4, height / 8, width / 8).
    """
    values = latents.detach().float().cpu().numpy()
    colours = np.einsum("nchw,cr->nhwr", values, _TO_RGB)
    pixels = ((colours + 1) * 127.5).clip(0, 255).astype(np.uint8)
    return tuple(pixels)
