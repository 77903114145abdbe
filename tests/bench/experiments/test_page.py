"""The report as a page: complete by itself, in two languages, whatever names hold."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pylopdf_fonts_zh_cn import sans_path

from xy_core.bench.experiments.experiment import Experiment
from xy_core.bench.experiments.page import render_page, render_soak
from xy_core.bench.experiments.page_words import HELD, SHOWN
from xy_core.bench.experiments.shapes import make_shape
from xy_core.bench.experiments.soak import BOUNDS, Soak
from xy_core.bench.experiments.stress import run_stress
from xy_core.bench.experiments.vitals import Vitals
from xy_core.bench.task_chain import Profile

CHROMIUM = next(
    (path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), ""
)
FIGURES = {
    "throughput",
    "latency_submission",
    "latency_start",
    "lag",
    "memory",
    "leak",
    *(f"gantt_{policy}" for policy in ("serial", "naive", "report", "xy_core")),
}
RESULTS = Path(__file__).parents[3] / "docs" / "results" / "experiments"


@pytest.fixture(scope="module")
def soak() -> Soak:
    made = Soak(environment={"cpu": "<script>one</script>"})
    for moment in range(5, 3_605, 5):
        made.samples.append(Vitals(float(moment), *[90 + moment % 40 / 50] * len(BOUNDS)))
    made.turns = Counter(asked=9, answered=8, cancelled=1)
    made.faults = Counter(kill=3)
    made.errors = Counter({"<b>WorkerCrashed": 1})
    return made


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    """A virtual experiment with everything that only real time has."""
    shape = make_shape("burst", requests=4, clients=1, rate=1.0, seed=1)
    made = run_stress(Profile(), shape, virtual=True, progress=lambda _words: None)
    made.kind = "real"  # so that the published figures stand beside
    for run in made.runs:
        run.lags = [0.001, 0.004, 0.6]
        run.memory = [(moment / 4, (900 + moment) << 20) for moment in range(40)]
        run.trace = [{"ts": 1.0, "event": "task_scheduled", "task_id": "</pre><script>"}]
        run.snapshot = ["sim:0  <b>5606</b> / 8192 MiB promised"]
    return made


@pytest.fixture(scope="module")
def report(experiment, soak) -> str:
    return render_page(experiment, soak)


def test_a_page_needs_nothing_else_and_takes_no_name_for_markup(report):
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', report)
    assert "<script>one" not in report
    assert "</pre><script>" not in report
    assert "<b>" not in report
    assert report.count("<script>") == 1
    assert set(re.findall(r'data-name="(\w+)"', report)) == FIGURES


def test_what_is_counted_has_words_in_both_languages(report, experiment, soak):
    assert BOUNDS.keys() <= HELD.keys()
    assert {one.name for one in (*soak.result().checks, *experiment.checks)} <= SHOWN.keys()
    assert "rss_mb" not in report
    assert "常驻内存（MiB）" in report


def test_both_languages_say_the_same_number_of_things(report, soak):
    for one in (report, render_soak(soak)):
        assert one.count('<span lang="en">') == one.count('<span lang="zh">')
        assert one.count('<div lang="en">') == one.count('<div lang="zh">') > 0


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a browser finds Chinese signs in, also on a machine that has none."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "fonts").mkdir()
    (folder / "fonts" / sans_path().name).symlink_to(sans_path())
    return folder


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser(fonts) -> AsyncIterator[Any]:
    if not CHROMIUM:
        pytest.skip("no Chromium here")
    api = pytest.importorskip("playwright.async_api", reason="pip install playwright")
    async with api.async_playwright() as running:
        opened = await running.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox"],
            env={**os.environ, "XDG_DATA_HOME": str(fonts)},
        )
        yield opened
        await opened.close()


async def visible(page: Any) -> set[str]:
    """The figures that are drawn in sight: exactly one picture each."""
    return set(
        await page.evaluate(
            """[...document.querySelectorAll("figure[data-name]")].filter((figure) =>
              [...figure.querySelectorAll("svg")].filter((svg) => svg.getBoundingClientRect().height
              > 100).length === 1).map((figure) => figure.dataset.name)"""
        )
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("width", [390, 1280])
async def test_a_browser_shows_every_figure_in_both_languages(browser, report, tmp_path, width):
    path = tmp_path / "report.html"
    path.write_text(report, "utf-8")
    page = await browser.new_page(viewport={"width": width, "height": 900}, locale="en-US")
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url))
    await page.goto(path.as_uri())
    assert await visible(page) == FIGURES
    assert "Throughput" in await page.inner_text("main")
    assert "吞吐量" not in await page.inner_text("section >> nth=2")
    await page.click("#lang")
    assert await visible(page) == FIGURES
    words = await page.inner_text("main")
    assert "吞吐量" in words
    assert "可比性" in words
    assert "Throughput, with" not in words
    sideways = "document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth"
    assert not await page.evaluate(sideways)
    await page.close()
    assert [url for url in wrong if url != path.as_uri()] == []


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["real", "stress", "soak"])
@pytest.mark.parametrize(
    ("language", "theme", "width"), [("en", "light", 1280), ("zh", "dark", 390)]
)
async def test_pictures_of_the_results_are_taken(browser, name, language, theme, width):
    """Run after the pages were made anew; writes ``NAME_LANGUAGE_WIDTH.png`` beside them."""
    source = RESULTS / f"{name}.html"
    if not source.is_file():
        pytest.skip(f"{source.name} is not there")
    page = await browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=theme, device_scale_factor=1
    )
    await page.goto(f"{source.as_uri()}#{language}")
    await page.screenshot(path=RESULTS / f"{name}_{language}_{width}.png", full_page=True)
    await page.close()
