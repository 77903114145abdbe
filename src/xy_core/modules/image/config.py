"""Settings of the image module."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, model_validator

from xy_core.core.config import HostedConfig
from xy_core.modules.image.types import SchedulerName


class ImageConfig(HostedConfig):
    """What paints pictures, and how if a request does not say otherwise."""

    engine: Literal["diffusers", "openai", "a1111"] = Field(
        "diffusers",
        description="diffusers: on this machine; openai, a1111: a server that speaks that API.",
    )
    model: str = Field(
        "stable-diffusion-v1-5", description="Its id in the catalogue, or the server's name for it."
    )
    device: str = Field("cpu", description="The device lane that painting uses.")
    base_url: str = Field(
        "", description="Address of the server: https://host/v1 (openai), http://host:7860 (a1111)."
    )
    api_key: SecretStr = Field(SecretStr(""), description="What the server asks for, if anything.")
    timeout: float = Field(300.0, gt=0, description="Seconds until a server must have answered.")
    max_answer: int = Field(
        64 << 20, ge=1 << 10, description="Longest answer of a server, in bytes."
    )
    safety_check: bool = Field(
        default=True,
        description="Black out what the model's safety checker flags; false: show everything.",
    )
    scheduler: SchedulerName = Field("dpm++_karras", description="The way through the noise.")
    steps: int = Field(25, ge=1, le=500, description="Steps of denoising.")
    guidance: float = Field(7.5, ge=0, le=50, description="How closely words are followed.")
    negative: str = Field("", description="What pictures do not show.")
    width: int = Field(512, ge=64, le=4096, multiple_of=8, description="In pixels.")
    height: int = Field(512, ge=64, le=4096, multiple_of=8, description="In pixels.")
    max_pixels: int = Field(1 << 20, ge=64 * 64, description="Largest picture that is painted.")
    max_steps: int = Field(150, ge=1, description="Most steps that a request may ask for.")
    max_count: int = Field(8, ge=1, description="Most pictures of one request.")
    preview_every: int = Field(
        5, ge=0, description="Steps between two previews, which nothing checks; 0: none."
    )
    max_batch: int = Field(4, ge=1, description="Waiting requests that are painted in one run.")
    max_wait: float = Field(0.0, ge=0, description="Seconds that one waits for others to join it.")

    @model_validator(mode="after")
    def _reachable(self) -> ImageConfig:
        if self.engine != "diffusers" and not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"engine {self.engine!r} needs base_url, the address of its server")
        return self
