"""Settings of the vision module."""

from __future__ import annotations

from pydantic import Field

from xy_core.core.config import HostedConfig
from xy_core.modules.vision.picture import MAX_PIXELS


class VisionConfig(HostedConfig):
    """What pictures are taken, and how they are read."""

    max_pixels: int = Field(MAX_PIXELS, ge=1, description="Largest picture that is decoded.")
    device: str = Field("cpu", description="The device lane that reading text uses.")
    max_side: int = Field(
        1280, ge=64, le=4096, description="Pictures are read at this size at most, in pixels."
    )
    min_confidence: float = Field(0.5, ge=0, le=1, description="Lines read with less are dropped.")
    threads: int = Field(2, ge=1, description="Threads of the text reader.")
