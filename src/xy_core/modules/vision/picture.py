"""Pictures, taken from files without trusting them."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from xy_core.core.errors import ImageError

MAX_PIXELS = 40_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # none that runs a program
_SIXTEEN_BIT = 65_535


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: RGB, uint8, (height, width, 3), read-only.
    """

    pixels: npt.NDArray[np.uint8]

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])

    @classmethod
    def load(cls, path: Path, max_pixels: int = MAX_PIXELS) -> Picture:
        """Read a picture file as a person would see it.

        Its orientation tag is obeyed, transparency lies on white, and of an animation the first
        frame is taken. The size in the file's header is checked before anything is decoded.

        Raises:
            ImageError: missing, empty, not a picture, damaged, truncated or too large.
        """
        with _refusals(str(path), max_pixels):
            _check_file(path)
            return cls(_decode(path, str(path), max_pixels))

    @classmethod
    def decode(
        cls, content: bytes, max_pixels: int = MAX_PIXELS, name: str = "the picture"
    ) -> Picture:
        """Read a picture from the bytes of a file, such as an upload; see `load`.

        Raises:
            ImageError: empty, not a picture, damaged, truncated or too large.
        """
        with _refusals(name, max_pixels):
            if not content:
                raise ImageError(f"{name} is empty (0 bytes)")
            return cls(_decode(io.BytesIO(content), name, max_pixels))

    def fitted(self, most_pixels: int) -> Picture:
        """Return the picture at that area at most, in its proportions."""
        shrink = math.sqrt(most_pixels / (self.width * self.height))
        if shrink >= 1:
            return self
        size = tuple(max(1, int(side * shrink)) for side in (self.width, self.height))
        small = Image.fromarray(self.pixels).resize((size[0], size[1]), Image.Resampling.LANCZOS)
        pixels = np.array(small, np.uint8)
        pixels.setflags(write=False)
        return Picture(pixels)


@contextmanager
def _refusals(name: str, max_pixels: int) -> Iterator[None]:
    """Turn whatever a bad file provokes into an error of ours."""
    try:
        yield
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name}: not a picture that can be read: give a {', '.join(_FORMATS)} file"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: too large: {_advice(max_pixels)}") from error
    except Exception as error:  # Pillow's decoders raise whatever a damaged file provokes
        raise ImageError(f"{name}: damaged or truncated: {error}") from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise ImageError(f"{path}: there is no such file: check the path")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: the file is empty (0 bytes)")


def _decode(source: Path | io.BytesIO, name: str, max_pixels: int) -> npt.NDArray[np.uint8]:
    with warnings.catch_warnings():
        # Pillow only warns where we refuse, and warns of damage that it works around.
        warnings.simplefilter("ignore")
        with Image.open(source, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise ImageError(
                    f"{name}: too large: {width:,} x {height:,} pixels: {_advice(max_pixels)}"
                )
            image.load()
            upright = ImageOps.exif_transpose(image)
            pixels = np.array(_rgb(upright), np.uint8)
    pixels.setflags(write=False)
    return pixels


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale a deep grey picture: 16 bits by their full range, others by what they contain."""
    values = np.nan_to_num(np.asarray(image, np.float64))
    low, high = 0.0, float(_SIXTEEN_BIT)
    if not image.mode.startswith("I;16"):
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) / max(high - low, 1e-12) * 255
    return Image.fromarray(scaled.round().astype(np.uint8)).convert("RGB")


def _advice(max_pixels: int) -> str:
    return f"scale it down to {max_pixels / 1e6:g} megapixels, or raise vision.max_pixels"
