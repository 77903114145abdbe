"""``xy-core image`` as a user runs it, against a server and without any weights."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import SCRIPT, Program, only_line
from tests.modules.image.image_server import serving


@pytest.fixture
def server():
    with serving() as running:
        yield running


def remote(port: int) -> tuple[str, ...]:
    options = ("image.engine=a1111", f"image.base_url=http://127.0.0.1:{port}", "image.model=sd")
    return tuple(part for option in options for part in ("--set", option))


def test_pictures_are_saved_and_told(xy_core: Program, server, tmp_path: Path):
    done = xy_core(
        *remote(server.port),
        *("image", "a lighthouse", "-o", "out/sea.png", "--size", "64x96", "--seed", "3"),
        *("--count", "2", "--json"),
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["images"]
    assert [one["path"] for one in told] == ["out/sea-1.png", "out/sea-2.png"]
    assert [one["seed"] for one in told] == [3, 4]
    assert Image.open(tmp_path / "out" / "sea-2.png").size == (64, 96)
    assert not list((tmp_path / "out").glob(".part*"))


def test_a_picture_and_a_mask_go_with_the_words(xy_core: Program, server, tmp_path: Path):
    Image.new("RGB", (128, 64), "red").save(tmp_path / "in.png")
    Image.new("L", (128, 64), 255).save(tmp_path / "mask.png")
    done = xy_core(
        *remote(server.port), "image", "a boat", "--init", "in.png", "--mask", "mask.png"
    )
    assert (done.returncode, done.stdout.split()[0]) == (0, "image.png"), done.stderr
    ((path, body),) = server.asked
    assert path == "/sdapi/v1/img2img"
    assert (body["width"], body["height"], "mask" in body) == (128, 64, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("image", " "), "prompt is empty"),
        (("image", "a", "--size", "big"), "WIDTHxHEIGHT"),
        (("image", "a", "--size", "65x64"), "multiples of 8"),
        (("image", "a", "--scheduler", "magic"), "no scheduler"),
        (("image", "a", "--init", "missing.png"), "no such file"),
        (("image", "a", "--steps", "0"), "steps"),
    ],
)
def test_mistakes_are_one_line(xy_core: Program, arguments, words):
    assert words in only_line(xy_core(*arguments))


def test_without_weights_the_user_hears_what_to_pull(xy_core: Program, tmp_path: Path):
    done = xy_core("image", "a", XY_MODELS__ROOT=str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "xy-core models pull stable-diffusion-v1-5" in done.stderr.splitlines()[-1]


def test_help_is_in_both_languages_with_an_example(xy_core: Program):
    assert "a lighthouse in a storm" in xy_core("image", "--help").stdout
    assert "根据文字" in xy_core("--lang", "zh", "image", "--help").stdout


def test_ctrl_c_leaves_nothing_behind(server, environment, tmp_path: Path):
    server.mood = "slow"
    with subprocess.Popen(
        [SCRIPT, *remote(server.port), "image", "a"],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert server.waiting.wait(60)
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
        assert "Traceback" not in child.stderr.read()
    assert not list(tmp_path.glob("*.png"))
