"""Picture files, good and hostile."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from xy_core.core.errors import ImageError
from xy_core.modules.vision import Picture

MAGIC = (
    *(b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8", b"II*\0", b"BM", b"P6 "),
    b"RIFF\0\0\0\0WEBPVP8 ",
)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def saved(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


def header_only_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "LAB"])
def test_any_kind_of_pixel_becomes_rgb(tmp_path, mode):
    image = Image.new("RGB", (5, 3), "white")
    image = (
        image.convert("RGBA").convert("LA")
        if mode == "LA"
        else image.convert("RGB" if mode == "LAB" else mode)
    )
    suffix = "tiff" if mode in {"CMYK", "YCbCr"} else "png"
    picture = Picture.load(saved(image, tmp_path / f"a.{suffix}"))
    assert picture.pixels.shape == (3, 5, 3)
    assert picture.pixels.dtype == np.uint8
    assert not picture.pixels.flags.writeable
    assert (picture.width, picture.height) == (5, 3)
    assert (picture.pixels >= 250).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 32_768, 65_535]], np.uint16), [0, 128, 255]),
        (np.array([[-5, 0, 5]], np.int32), [0, 128, 255]),
        (np.array([[0.25, 0.5, 0.75]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, np.inf, 1]], np.float32), None),
    ],
)
def test_deep_grey_is_scaled_to_eight_bits(tmp_path, values, expected):
    pixels = Picture.load(saved(Image.fromarray(values), tmp_path / "a.tiff")).pixels
    assert pixels.shape == (1, 3, 3)
    if expected is not None:
        assert pixels[0, :, 0].tolist() == expected


def test_transparency_lies_on_white(tmp_path):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    assert (Picture.load(saved(image, tmp_path / "a.png")).pixels == 255).all()
    grey = Image.new("L", (2, 1), 0)
    keyed = saved(grey, tmp_path / "b.png", transparency=0)
    assert (Picture.load(keyed).pixels == 255).all()


def test_the_orientation_tag_is_obeyed(tmp_path):
    image = Image.new("RGB", (2, 1), RED)
    image.putpixel((1, 0), BLUE)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    pixels = Picture.load(saved(image, tmp_path / "a.png", exif=exif)).pixels
    assert pixels.tolist() == [[list(RED)], [list(BLUE)]]


def test_the_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    path = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (Picture.load(path).pixels == RED).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "0 bytes"),
        (b"just some words\n" * 20, "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"\x89PNG\r\n\x1a\n", "not a picture|damaged"),
        (header_only_png(20_000, 10_000), "too large.*vision.max_pixels"),
        (header_only_png(10_000, 10_000), "too large: 10,000 x 10,000.*vision.max_pixels"),
        (header_only_png(2**31 - 1, 2**31 - 1), "too large|damaged"),
        (header_only_png(0, 10), "not a picture|damaged"),
        (header_only_png(100, 100), "damaged or truncated"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, content, reason, recwarn):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason) as caught:
        Picture.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not recwarn.list


def test_places_without_a_picture(tmp_path):
    for path in (tmp_path, tmp_path / "missing.png", Path("nul\0byte.png")):
        with pytest.raises(ImageError):
            Picture.load(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_truncated_pictures_are_refused(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).save(content, kind)
    path = tmp_path / "a"
    for keep in (0.02, 0.5, 0.9):
        path.write_bytes(content.getvalue()[: int(len(content.getvalue()) * keep)])
        with pytest.raises(ImageError):
            Picture.load(path)


def test_the_limit_is_inclusive(tmp_path):
    path = saved(Image.new("RGB", (10, 10)), tmp_path / "a.png")
    assert Picture.load(path, 100).width == 10
    with pytest.raises(ImageError, match="10 x 10"):
        Picture.load(path, 99)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF"]), data=st.data())
def test_damage_is_an_error_or_a_picture(tmp_path, kind, data):
    content = io.BytesIO()
    Image.linear_gradient("L").resize((24, 24)).convert("RGB").save(content, kind)
    damaged = bytearray(content.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "a"
    path.write_bytes(damaged)
    with suppress(ImageError):
        assert Picture.load(path, 1_000_000).pixels.ndim == 3


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"]),
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"]),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    turn=st.integers(0, 9),
)
def test_whatever_pillow_writes_is_read(mode, kind, width, height, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    content = io.BytesIO()
    try:
        Image.new(mode, (width, height)).save(content, kind, exif=exif)
    except (OSError, KeyError, ValueError, TypeError):
        return  # not every format has every kind of pixel
    picture = Picture.decode(content.getvalue())
    assert {picture.width, picture.height} <= {width, height}


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(
        [
            b"",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"\xff\xd8",
            b"II*\0",
            b"BM",
            b"P6 ",
            b"RIFF\0\0\0\0WEBPVP8 ",
        ]
    ),
)
def test_arbitrary_bytes_are_an_error_or_a_picture(body, magic):
    with suppress(ImageError):
        assert Picture.decode(magic + body, 1_000_000).pixels.ndim == 3


def test_uploads_are_read_like_files():
    content = io.BytesIO()
    Image.new("RGB", (4, 2), RED).save(content, "PNG")
    assert Picture.decode(content.getvalue()).width == 4
    for bad, reason in ((b"", "0 bytes"), (b"words", "not a picture")):
        with pytest.raises(ImageError, match=reason):
            Picture.decode(bad)
    with pytest.raises(ImageError, match="too large"):
        Picture.decode(header_only_png(10_000, 10_000))


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 20_000))
@settings(max_examples=50, deadline=None)
def test_a_fitted_picture_keeps_its_bounds(width, height, most):
    fitted = Picture(np.zeros((height, width, 3), np.uint8)).fitted(most)
    assert fitted.width * fitted.height <= max(most, width, height)
    assert fitted.width <= width
    assert fitted.height <= height
