"""The report's figures, drawn by matplotlib as SVG, in English or Chinese."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from typing import Any

from xy_core.bench.experiments.chinese_font import chinese_font
from xy_core.bench.experiments.experiment import Experiment, intervals, summary
from xy_core.bench.experiments.record import Run
from xy_core.core.errors import MissingExtraError

Draw = Callable[[Any, Experiment, int], None]
"""Draws on a matplotlib axes; the language is 0 for English, 1 for Chinese."""

INK = "#010203"
"""A colour that the page replaces by that of its text, so that figures suit light and dark."""
COLOURS = {
    "serial": "#999999",
    "naive": "#E69F00",
    "threads": "#CC79A7",
    "report": "#56B4E9",
    "xy_core": "#0072B2",
}
"""Okabe and Ito's palette, which the colour-blind can tell apart."""
_PARTS: dict[str, tuple[str, str]] = {
    "hear": ("#E69F00", "听"),
    "see": ("#56B4E9", "看"),
    "think": ("#009E73", "想"),
    "speak": ("#CC79A7", "说"),
    "draw": ("#0072B2", "画"),
}
"""Of each part of a request its colour, and its name in Chinese."""
_WIDTH = 5.2
"""Inches. A page scales figures to its columns: narrow, their words stay legible on a phone."""
_SHARES = (50, 95, 99)
_LONG = 100.0
"""Seconds of which tenths say nothing."""


def draw_figures(experiment: Experiment, language: int, form: str = "svg") -> dict[str, bytes]:
    """Return the figures by name; in English where no font has Chinese signs.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    language = language if chinese_font() else 0
    figures: dict[str, Draw] = {
        "throughput": _throughput,
        "latency_submission": lambda axes, of, zh: _latency(axes, of, zh, "submission"),
        "latency_start": lambda axes, of, zh: _latency(axes, of, zh, "start"),
    }
    if any(run.lags for run in experiment.runs):
        figures["lag"] = _lag
    for policy in experiment.policies():
        first = experiment.of(policy)[0]
        figures[f"gantt_{policy}"] = _gantt(first)
    if any(run.memory for run in experiment.runs):
        figures["memory"] = _memory
    return {name: _render(draw, experiment, language, form) for name, draw in figures.items()}


def _render(draw: Draw, experiment: Experiment, language: int, form: str) -> bytes:
    figure, axes = new_figure()
    draw(axes, experiment, language)
    return saved(figure, form)


def new_figure(height: float = 3.0) -> tuple[Any, Any]:
    """Return a figure and its axes in our style."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("matplotlib", "bench") from error
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    colours = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    mpl.rcParams.update(dict.fromkeys(colours, INK))
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "xy-core", "font.size": 9})
    mpl.rcParams["font.family"] = ["DejaVu Sans", *filter(None, [chinese_font()])]
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#888888", alpha=0.25, linewidth=0.6)
    return figure, axes


def saved(figure: Any, form: str = "svg") -> bytes:  # noqa: ANN401 - an optional library's
    """Return a figure as a file's bytes."""
    target = io.BytesIO()
    clear = {"Date": None} if form == "svg" else None
    figure.savefig(target, format=form, transparent=form == "svg", metadata=clear, dpi=160)
    return target.getvalue()


def _throughput(axes: Any, of: Experiment, zh: int) -> None:  # noqa: ANN401 - as above
    names = of.policies()
    found = [intervals(of.of(name))["throughput"] for name in names]
    values = [one["value"] for one in found]
    errors = [
        [max(0.0, one["value"] - (one["low"] or one["value"])) for one in found],
        [max(0.0, (one["high"] or one["value"]) - one["value"]) for one in found],
    ]
    bars = axes.bar(names, values, color=[COLOURS[name] for name in names], width=0.62)
    axes.errorbar(names, values, yerr=errors, fmt="none", ecolor=INK, capsize=4, linewidth=1)
    axes.bar_label(bars, [f"{value:.3f}" for value in values], padding=6)
    axes.set_ylabel(("requests / s", "请求/秒")[zh])
    axes.margins(y=0.18)


def _latency(axes: Any, of: Experiment, zh: int, since: str) -> None:  # noqa: ANN401 - as above
    names = of.policies()
    width = 0.8 / len(names)
    for index, name in enumerate(names):
        figures = summary(of.of(name))
        values = [figures[f"p{share}_from_{since}"] or 0.0 for share in _SHARES]
        places = [place + (index - (len(names) - 1) / 2) * width for place in range(len(_SHARES))]
        bars = axes.bar(places, values, width * 0.92, color=COLOURS[name], label=name)
        axes.bar_label(bars, [_short(value) for value in values], fontsize=6.5, padding=1.5)
    axes.margins(y=0.1)
    axes.set_xticks(range(len(_SHARES)), [f"P{share}" for share in _SHARES])
    axes.set_ylabel(("seconds", "秒")[zh])
    _legend_above(axes)


def _short(seconds: float) -> str:
    """A figure that fits over a narrow bar."""
    return f"{seconds:.1f}" if seconds < _LONG else f"{seconds:.0f}"


def _legend_above(axes: Any) -> None:  # noqa: ANN401 - as above
    """Name the colours outside of the drawing, which would lie under them."""
    axes.legend(
        frameon=False,
        ncols=5,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        fontsize=8,
        handlelength=1.0,
        handletextpad=0.5,
        columnspacing=1.2,
    )


def _lag(axes: Any, of: Experiment, zh: int) -> None:  # noqa: ANN401 - as above
    edges = [0.125 * 2**power for power in range(21)]
    for name in of.policies():
        lags = [max(lag * 1e3, edges[0]) for run in of.of(name) for lag in run.lags]
        if lags:
            # A block is one lateness however long: by time, not by count, it shows what it is.
            axes.hist(
                lags,
                bins=edges,
                weights=[lag / 1e3 for lag in lags],
                histtype="step",
                linewidth=2,
                color=COLOURS[name],
                label=name,
            )
    axes.axvline(20.64, color=INK, linestyle=":", linewidth=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(
        ("lateness of the loop, ms (dotted: 20.64)", "循环延迟（毫秒，虚线：20.64）")[zh]
    )
    axes.set_ylabel(("seconds lost", "累计延迟（秒）")[zh])
    _legend_above(axes)


def _gantt(run: Run) -> Draw:
    def draw(axes: Any, _of: Experiment, zh: int) -> None:  # noqa: ANN401 - as above
        shown: set[str] = set()
        for span in run.spans:
            colour, chinese = _PARTS.get(span.part, ("#999999", span.part))
            axes.barh(
                span.request + 1,
                span.end - span.begin,
                left=span.begin,
                height=0.72,
                color=colour,
                label=None if span.part in shown else (span.part, chinese)[zh],
                linewidth=0,
            )
            shown.add(span.part)
        axes.invert_yaxis()
        axes.set_xlabel(("seconds", "秒")[zh])
        axes.set_ylabel(("request", "请求")[zh])
        axes.grid(visible=False, axis="y")
        if shown:
            _legend_above(axes)

    return draw


def _memory(axes: Any, of: Experiment, zh: int) -> None:  # noqa: ANN401 - as above
    for name in of.policies():
        points = of.of(name)[0].memory
        moments = [moment for moment, _ in points]
        axes.plot(moments, [size / 2**20 for _, size in points], color=COLOURS[name], label=name)
    axes.set_xlabel(("seconds", "秒")[zh])
    axes.set_ylabel(("resident memory, MiB", "常驻内存（MiB）")[zh])
    axes.set_ylim(bottom=0)
    _legend_above(axes)


def leak_curve(
    seconds: Sequence[float],
    sizes: Sequence[float],
    warm_up: float,
    language: int,
    form: str = "svg",
) -> bytes:
    """Draw resident memory (MiB) over the time of a soak (s), the warm-up shaded."""
    figure, axes = new_figure(2.6)
    language = language if chinese_font() else 0
    axes.axvspan(0, warm_up / 60, color="#888888", alpha=0.15, linewidth=0)
    axes.plot([moment / 60 for moment in seconds], sizes, color=COLOURS["xy_core"])
    axes.set_xlabel(("minutes", "分钟")[language])
    axes.set_ylabel(("resident memory, MiB", "常驻内存（MiB）")[language])
    return saved(figure, form)
