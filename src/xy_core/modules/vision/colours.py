"""The dominant colours and the brightness of a picture."""

from __future__ import annotations

from collections import Counter

import numpy as np
from PIL import Image, ImageColor

from xy_core.modules.vision.picture import Picture
from xy_core.modules.vision.types import ColourShare

_SAMPLE = (128, 128)
_LEAST_SHARE = 0.1

# The eleven basic colour terms of Berlin and Kay ("Basic Color Terms", 1969), each with a few
# shades, for the nearest in RGB to bear the right name; most shades are CSS named colours.
_SHADES = {
    "black": ("black", "#202020"),
    "gray": ("gray", "dimgray", "darkgray", "lightslategray", "#d0d0d0"),
    "white": ("white", "whitesmoke", "ivory"),
    "red": ("red", "firebrick", "darkred", "crimson"),
    "orange": ("orange", "darkorange", "coral"),
    "yellow": ("yellow", "gold", "khaki"),
    "green": ("lime", "green", "darkgreen", "limegreen", "lightgreen", "olivedrab"),
    "blue": ("blue", "navy", "royalblue", "deepskyblue", "skyblue", "steelblue"),
    "purple": ("purple", "indigo", "mediumpurple", "darkviolet", "magenta"),
    "pink": ("pink", "hotpink", "lightpink"),
    "brown": ("saddlebrown", "sienna", "#4a2c12", "peru"),
}


def measure_colours(picture: Picture) -> tuple[tuple[ColourShare, ...], float]:
    """Return the colours that cover at least a tenth, largest first, and the brightness.

    If none covers as much, the largest alone. Brightness is the mean luma (ITU-R 601), 0 to 1.
    """
    image = Image.fromarray(picture.pixels)
    image.thumbnail(_SAMPLE, Image.Resampling.BOX)
    names, palette = _palette()
    nearest = image.quantize(palette=palette, dither=Image.Dither.NONE)
    areas: Counter[str] = Counter()
    for name, count in zip(names, nearest.histogram(), strict=False):
        areas[name] += count
    total = image.width * image.height
    ranked = [ColourShare(name, count / total) for name, count in areas.most_common(3)]
    dominant = [colour for colour in ranked if colour.share >= _LEAST_SHARE] or ranked[:1]
    return tuple(dominant), float(np.asarray(image.convert("L")).mean() / 255)


def _palette() -> tuple[list[str], Image.Image]:
    """Return the name of each palette entry, and a picture that carries the palette."""
    names = [name for name, shades in _SHADES.items() for _ in shades]
    shades = [ImageColor.getrgb(shade) for group in _SHADES.values() for shade in group]
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for shade in shades for channel in shade])
    return names, palette
