"""An experiment as CSV, SVG and PNG."""

from __future__ import annotations

import csv
import io

import pytest
from matplotlib import font_manager
from PIL import Image

from xy_core.bench.experiments import figures
from xy_core.bench.experiments.chinese_font import chinese_font
from xy_core.bench.experiments.figures import draw_figures, leak_curve
from xy_core.bench.experiments.files import requests_table, write_figures
from xy_core.bench.experiments.shapes import make_shape
from xy_core.bench.experiments.stress import run_stress
from xy_core.bench.task_chain import Profile
from xy_core.core.errors import InputError


@pytest.fixture(scope="module")
def experiment():
    shape = make_shape("burst", requests=3, clients=1, rate=1.0, seed=1)
    return run_stress(Profile(), shape, virtual=True, progress=lambda _words: None)


def test_every_request_has_its_row(experiment):
    experiment.runs[0].requests[0].error = 'OSError: "quoted", and\ncut'
    rows = list(csv.DictReader(io.StringIO(requests_table(experiment))))
    assert len(rows) == 3 * len(experiment.runs)
    assert rows[0]["error"] == 'OSError: "quoted", and\ncut'
    assert float(rows[1]["submitted"]) <= float(rows[1]["started"]) < float(rows[1]["ended"])


def test_every_figure_is_there_in_both_forms(experiment, tmp_path):
    written = write_figures(experiment, tmp_path / "figures", 1)
    names = {path.stem for path in written}
    assert {"throughput", "latency_submission", "latency_start", "gantt_xy_core"} <= names
    assert len(written) == 2 * len(names)
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.width > 600
        else:
            assert path.read_text("utf-8").lstrip().startswith("<?xml")
    assert "请求/秒" in (tmp_path / "figures" / "throughput.svg").read_text("utf-8")


@pytest.mark.parametrize("language", [0, 1])
@pytest.mark.filterwarnings("error")  # matplotlib warns of each sign that it has no picture of
def test_no_sign_is_missing(experiment, language):
    for run in experiment.runs:
        run.lags, run.memory = [0.001, 0.6], [(0.0, 1 << 30), (1.0, 2 << 30)]
    for form in ("svg", "png"):
        assert {"lag", "memory"} <= draw_figures(experiment, language, form).keys()
        leak_curve([0.0, 60.0], [90.0, 91.0], 30.0, language, form)


def test_a_machine_without_chinese_signs_gets_its_figures_in_english(experiment, monkeypatch):
    monkeypatch.setattr(figures, "chinese_font", lambda: None)
    drawn = draw_figures(experiment, 1)["throughput"].decode()
    assert "requests / s" in drawn
    assert "请求" not in drawn


def test_the_font_of_the_extra_has_chinese_signs(monkeypatch):
    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["DejaVu Sans"])
    assert chinese_font.__wrapped__() == "Noto Sans SC"


def test_a_folder_that_cannot_be_made_is_named(experiment, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_figures(experiment, tmp_path / "file", 0)
