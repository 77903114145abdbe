"""Pictures as pixels and as files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xy_core.core.errors import BackendError, ImageError
from xy_core.core.files import atomic_path
from xy_core.modules.image.types import Mask, Pixels

_FORMATS = ("PNG", "JPEG", "WEBP")
_HALF, _ALL = 128, 255


def fitted(pixels: Pixels, width: int, height: int) -> Image.Image:
    """Return a picture of that size."""
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)


def fitted_mask(mask: Mask, width: int, height: int) -> Image.Image:
    """Return a mask of that size; what is more than half covered is painted anew."""
    return Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)


def png(image: Image.Image) -> bytes:
    """Return a picture as a PNG file."""
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def write_png(target: Path, pixels: Pixels) -> None:
    """Write a picture as a PNG file, atomically.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    with atomic_path(target) as part:
        Image.fromarray(pixels).save(part, "PNG")


def read_mask(content: bytes, max_pixels: int) -> Mask:
    """Read a mask from the bytes of a file, without trusting it.

    What is transparent is painted anew (255), as OpenAI's protocol has it; in a picture without
    transparency, what is white.

    Raises:
        ImageError: it is no picture, damaged, truncated or too large.
    """
    try:
        return _read(content, max_pixels, _painted_anew)
    except _TooLarge as size:
        raise ImageError(
            f"the mask has {size} pixels, which is over {max_pixels:,}: scale it down"
        ) from size
    except Exception as error:  # Pillow's decoders raise whatever damage provokes
        raise ImageError(f"the mask is no picture, or a damaged one: {error}") from error


def _painted_anew(image: Image.Image) -> Mask:
    if image.has_transparency_data:
        kept = np.asarray(image.convert("RGBA"), np.uint8)[:, :, 3]
        return np.where(kept < _HALF, _ALL, 0).astype(np.uint8)
    light = np.asarray(image.convert("L"), np.uint8)
    return np.where(light >= _HALF, _ALL, 0).astype(np.uint8)


def decode_answer(content: bytes, max_pixels: int) -> Pixels:
    """Read the picture that a server sent, without trusting it.

    Raises:
        BackendError: it is no picture, damaged, truncated or too large.
    """
    try:
        return _read(content, max_pixels, _coloured)
    except _TooLarge as size:
        raise BackendError(
            f"the image server sent {size} pixels, which is over {max_pixels:,}: "
            "ask for less, or raise image.max_pixels"
        ) from size
    except Exception as error:  # Pillow's decoders raise whatever damage provokes
        raise BackendError(
            f"the image server sent what is no picture, or a damaged one: {error}"
        ) from error


class _TooLarge(Exception):  # noqa: N818 - never seen outside
    """A picture has more pixels than allowed; says how many."""


def _read(
    content: bytes, max_pixels: int, convert: Callable[[Image.Image], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow only warns where we refuse
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise _TooLarge(f"{image.width:,} x {image.height:,}")
            return convert(image)


def _coloured(image: Image.Image) -> Pixels:
    return np.array(image.convert("RGB"), np.uint8)
