"""Image: pictures made from words, and from other pictures."""

from xy_core.modules.image.config import ImageConfig
from xy_core.modules.image.events import ImageMade, ImageStep
from xy_core.modules.image.pixels import read_mask, write_png
from xy_core.modules.image.service import ImageService
from xy_core.modules.image.types import Generated, ImageEvent, ImageRequest, Mask, Pixels, Step

__all__ = [
    "Generated",
    "ImageConfig",
    "ImageEvent",
    "ImageMade",
    "ImageRequest",
    "ImageService",
    "ImageStep",
    "Mask",
    "Pixels",
    "Step",
    "read_mask",
    "write_png",
]
