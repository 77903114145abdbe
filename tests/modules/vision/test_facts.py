"""Colours, brightness, and how facts are said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image, ImageColor

from xy_core.modules.vision import ColourShare, Picture, SceneFacts, TextLine
from xy_core.modules.vision.colours import measure_colours
from xy_core.modules.vision.describe import _COLOURS_ZH

BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 4.0), (0.0, 4.0))


def plain(colour: str, size: tuple[int, int] = (40, 30)) -> Picture:
    return Picture(np.array(Image.new("RGB", size, colour)))


def facts(*texts: str, brightness: float = 0.5) -> SceneFacts:
    lines = tuple(TextLine(text, 0.99, BOX) for text in texts)
    colours = (ColourShare("white", 0.6), ColourShare("red", 0.4))
    return SceneFacts(640, 480, lines, colours, brightness)


@pytest.mark.parametrize("name", _COLOURS_ZH)
def test_each_basic_colour_bears_its_name(name):
    colours, _ = measure_colours(plain({"brown": "saddlebrown"}.get(name, name)))
    assert [(colour.name, colour.share) for colour in colours] == [(name, 1.0)]


def test_colours_come_by_area_and_small_ones_are_left_out():
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:] = ImageColor.getrgb("navy")
    pixels[:30] = ImageColor.getrgb("gold")
    pixels[:2] = ImageColor.getrgb("red")
    colours, _ = measure_colours(Picture(pixels))
    assert [colour.name for colour in colours] == ["blue", "yellow"]
    assert colours[0].share == pytest.approx(0.7, abs=0.02)


def test_brightness_runs_from_black_to_white():
    assert measure_colours(plain("black"))[1] == 0
    assert measure_colours(plain("white"))[1] == 1
    assert measure_colours(plain("green"))[1] < measure_colours(plain("lime"))[1]


@pytest.mark.parametrize("size", [(1, 1), (1, 3_000), (3_000, 1), (2_000, 1_500)])
def test_any_size_can_be_measured(size):
    colours, brightness = measure_colours(plain("white", size))
    assert [colour.name for colour in colours] == ["white"]
    assert brightness == 1


def test_facts_are_said_in_both_languages():
    seen = facts("Tea house", "茶馆", brightness=0.9)
    assert seen.describe("en") == (
        'It says "Tea house", "茶馆". It is bright, mostly white and red.'
    )
    assert seen.describe("zh") == "上面写着“Tea house”、“茶馆”。画面明亮，主要是白色和红色。"


def test_no_text_is_said_honestly():
    assert facts(brightness=0.1).describe("en").startswith("No text can be read in it. It is dark,")
    assert "没有能认出的文字" in facts().describe("zh")


def test_a_page_of_text_does_not_fill_the_prompt():
    page = facts(*("word " * 20 for _ in range(100)))
    assert len(page.describe("en")) < 320
    assert len(facts("x" * 10_000).describe("zh")) < 320


def test_facts_are_plain_json():
    body = json.loads(json.dumps(facts("Tea").as_json()))
    assert body["lines"] == [{"text": "Tea", "confidence": 0.99, "box": [list(c) for c in BOX]}]
    assert body["colours"][0] == {"name": "white", "share": 0.6}
    assert body["faces"] is None
    assert (body["width"], body["height"]) == (640, 480)
