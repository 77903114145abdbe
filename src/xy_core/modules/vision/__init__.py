"""Vision: what is written in a picture, and what can be measured in it."""

from xy_core.modules.vision.config import VisionConfig
from xy_core.modules.vision.picture import Picture
from xy_core.modules.vision.service import VisionService
from xy_core.modules.vision.types import ColourShare, SceneFacts, TextLine

__all__ = ["ColourShare", "Picture", "SceneFacts", "TextLine", "VisionConfig", "VisionService"]
