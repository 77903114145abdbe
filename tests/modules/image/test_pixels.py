"""Masks from files that nobody vouches for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from xy_core.core.errors import ImageError
from xy_core.modules.image import read_mask


def file_of(image: Image.Image, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


def test_what_is_transparent_is_painted_anew():
    image = Image.new("RGBA", (4, 2), (255, 255, 255, 255))
    image.putpixel((1, 0), (255, 255, 255, 0))
    image.putpixel((2, 0), (255, 255, 255, 127))
    mask = read_mask(file_of(image), 100)
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 255, 255, 0], [0, 0, 0, 0]]


def test_without_transparency_it_is_what_is_white():
    image = Image.new("L", (3, 1), 0)
    image.putpixel((0, 0), 255)
    assert read_mask(file_of(image), 100).tolist() == [[255, 0, 0]]
    assert read_mask(file_of(image.convert("RGB"), "WEBP"), 100).shape == (1, 3)


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", file_of(Image.new("L", (8, 8)))[:40], file_of(Image.new("L", (11, 10)))],
    ids=["empty", "words", "truncated", "too large"],
)
def test_what_is_no_mask_is_refused(content):
    with pytest.raises(ImageError, match="mask"):
        read_mask(content, 100)
