"""Image: pictures made from words, and from other pictures."""

from xy_core.modules.image.config import ImageConfig
from xy_core.modules.image.events import ImageMade, ImageStep
from xy_core.modules.image.pixels import write_png
from xy_core.modules.image.service import ImageService
from xy_core.modules.image.types import Generated, ImageRequest, Step

__all__ = [
    "Generated",
    "ImageConfig",
    "ImageMade",
    "ImageRequest",
    "ImageService",
    "ImageStep",
    "Step",
    "write_png",
]
