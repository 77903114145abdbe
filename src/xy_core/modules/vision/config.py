"""Settings of the vision module."""

from __future__ import annotations

from typing import Literal

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
    threads: int = Field(2, ge=1, description="Threads of the text reader, and of llama.cpp.")
    model: str = Field(
        "", description="A model that sees, by its id in the catalogue; none if empty."
    )
    engine: Literal["llama_cpp", "transformers"] = Field(
        "llama_cpp", description="llama_cpp: GGUF and mmproj; transformers: a safetensors folder."
    )
    look_pixels: int = Field(
        401_408, ge=56 * 56, description="Pictures are shown to the model at this area at most."
    )
    context_tokens: int = Field(4096, ge=256, description="Pictures, question and answer, at most.")
    max_tokens: int = Field(192, ge=1, description="Longest answer, in tokens.")
    temperature: float = Field(0.0, ge=0, le=2, description="0 always takes the likeliest word.")
    seed: int = Field(7, ge=0, description="Makes answers repeatable.")
