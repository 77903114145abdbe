"""What a request for pictures is made of, and how their answer looks."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import BaseModel, Field, JsonValue, StringConstraints

from xy_core.modules.emotion import Emotion

Format = Literal["png", "jpeg", "webp"]
Size = Annotated[str, StringConstraints(pattern=r"^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})$")]


class Painting(BaseModel):
    """What both endpoints take; what is not named here is ignored."""

    prompt: str = Field(min_length=1, max_length=4_000)
    model: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        description="The one that paints here if none is named; xy-agent paints in its mood.",
    )
    n: int | None = Field(1, ge=1, le=10, description="How many pictures.")
    size: Size | None = Field("auto", description="WIDTHxHEIGHT, multiples of 8; or auto.")
    response_format: Literal["b64_json"] | None = Field(
        "b64_json", description="Pictures are not stored, so there is no url."
    )
    output_format: Format | None = "png"
    output_compression: int | None = Field(
        None, ge=0, le=100, description="Quality of jpeg and webp; 100 is the best."
    )
    background: Literal["opaque", "auto"] | None = "auto"
    stream: bool | None = False
    partial_images: int | None = Field(
        0, ge=0, le=3, description="Small previews in a stream, as far as the engine makes them."
    )
    user: str | None = Field(None, max_length=256, description="In whose mood xy-agent paints.")
    negative_prompt: str | None = Field(
        None, max_length=4_000, description="An extension: what the picture does not show."
    )
    seed: int | None = Field(
        None, ge=0, lt=2**32, description="An extension: the same seed paints the same."
    )
    steps: int | None = Field(None, ge=1, le=500, description="An extension: of denoising.")
    guidance: float | None = Field(
        None, ge=0, le=50, description="An extension: how closely words are followed."
    )
    emotion: Emotion | None = Field(None, description="An extension: the mood of the picture.")

    @property
    def sides(self) -> tuple[int | None, int | None]:
        """Width and height in pixels; None where they are left open."""
        if self.size in {None, "auto"}:
            return None, None
        width, _, height = str(self.size).partition("x")
        return int(width), int(height)


class Generation(Painting):
    """The body of ``/v1/images/generations``."""


class Edit(Painting):
    """The form of ``/v1/images/edits``."""

    image: UploadFile | None = Field(None, description="The picture to begin with.")
    images: list[UploadFile] | None = Field(
        None, alias="image[]", max_length=1, description="The same, as lists are sent."
    )
    mask: UploadFile | None = Field(
        None,
        description="Of the picture's size: what is transparent is painted anew; in one without "
        "transparency, what is white.",
    )
    strength: float | None = Field(
        None, ge=0.01, le=1, description="An extension: how far it may go from the picture."
    )

    @property
    def first(self) -> UploadFile | None:
        """The picture, however it was sent."""
        return self.image or next(iter(self.images or ()), None)


class MadeImage(BaseModel):
    """One picture."""

    b64_json: str
    revised_prompt: str | None = Field(None, description="With the words of the mood.")
    seed: int | None = Field(None, description="An extension: paints it again.")
    flagged: bool = Field(
        default=False, description="An extension: the safety checker took it away; it is black."
    )


class Images(BaseModel):
    """The answer to a request that does not stream."""

    created: int
    background: Literal["opaque"]
    output_format: Format
    size: str
    data: list[MadeImage]
    usage: JsonValue = Field(None, description="Null: pictures cost no tokens here.")
