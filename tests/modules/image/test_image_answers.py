"""What a server answers is not trusted: any bytes are an error or pictures."""

from __future__ import annotations

import base64
import io
import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xy_core.core.errors import BackendError
from xy_core.modules.image import ImageConfig
from xy_core.modules.image.backends.answers import parse_object, pictures, refusal

CONFIG = ImageConfig()
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_body_is_an_object_or_an_error(body):
    with suppress(BackendError):
        assert isinstance(parse_object(body), dict)


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_whatever_stands_for_pictures_is_an_error_or_pictures(value):
    with suppress(BackendError):
        assert pictures(value, 1, CONFIG)[0].shape[2] == 3


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_damaged_picture_is_an_error_or_a_picture(data):
    content = io.BytesIO()
    Image.linear_gradient("L").resize((24, 24)).save(content, "PNG")
    damaged = bytearray(content.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    with suppress(BackendError):
        assert pictures([base64.b64encode(damaged).decode()], 1, CONFIG)[0].ndim == 3


@given(st.integers(100, 599), st.binary(max_size=500))
def test_a_refusal_is_one_bounded_line(status, body):
    said = str(refusal(status, body))
    assert "\n" not in said
    assert len(said) < 400


def test_deep_json_is_refused():
    with suppress(BackendError):
        parse_object(json.dumps({"a": 1}).encode() + b"[" * 100_000)
