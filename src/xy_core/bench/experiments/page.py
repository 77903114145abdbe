"""The report of an experiment: one HTML file in two languages that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template

from xy_core.bench.experiments.experiment import Experiment, summary
from xy_core.bench.experiments.figures import INK, draw_figures, leak_curve
from xy_core.bench.experiments.page_words import (
    BOUND_WORDS,
    COLUMNS,
    HELD,
    LEAK,
    SHOWN,
    TITLES,
    TRACE_COLUMNS,
    said,
)
from xy_core.bench.experiments.published import PUBLISHED, Text
from xy_core.bench.experiments.soak import BOUNDS, Soak
from xy_core.bench.result import Check

_TRACE = 12
"""Events of the trace that are shown."""


def render_page(experiment: Experiment, soak: Soak | None = None) -> str:
    """Return the page as HTML.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    real = experiment.kind == "real"
    heading = (
        ("Real models under load", "真实模型负载实验")
        if real
        else ("Synthetic stress", "合成压力实验")
    )
    clock = (" · virtual clock", " · 虚拟时钟") if experiment.virtual else ("", "")
    what = f"{experiment.load} · {experiment.shape}"
    lead = (
        f"{what} · seed {experiment.seed}{clock[0]}",
        f"{what} · 种子 {experiment.seed}{clock[1]}",
    )
    parts = [_checks(experiment.checks), _summary(experiment), _figures(experiment)]
    parts += [_published(experiment)] if real else []
    parts += [_snapshot(experiment), _trace(experiment)]
    parts += [] if soak is None else [_leak(soak)]
    parts.append(_environment(experiment.environment))
    return _page(heading, lead, parts)


def render_soak(soak: Soak) -> str:
    """Return the page of a soak alone, as HTML.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    minutes = f"{soak.samples.seconds / 60:.1f}"
    english, chinese = soak.verdict.value
    lead = (
        f"{minutes} minutes, a fault every ten seconds · memory: {english}",
        f"{minutes} 分钟，每十秒一次故障 · 内存：{chinese}",
    )
    parts = [_checks(soak.result().checks), _leak(soak), _environment(soak.environment)]
    return _page(("Soak", "长程测试"), lead, parts)


def _page(heading: Text, lead: Text, parts: Sequence[str]) -> str:
    page = Template(
        files("xy_core.bench.experiments").joinpath("page.html.template").read_text("utf-8")
    )
    return page.substitute(
        title=html.escape(heading[0]),
        heading=_both(heading),
        lead=_both(lead),
        body="\n".join(parts),
    )


def _both(text: Text) -> str:
    english, chinese = map(html.escape, text)
    return f'<span lang="en">{english}</span><span lang="zh">{chinese}</span>'


def _section(title: Text, body: str) -> str:
    return f"<section><h2>{_both(title)}</h2>{body}</section>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "figures") -> str:
    """Make a table; its cells wrap in the last column of ``words``, the second of ``checks``."""
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    first = f"<tr>{heads}</tr>" if head else ""
    return f'<div class="card scroll"><table class="{kind}">{first}{lines}</table></div>'


def _checks(checks: Sequence[Check]) -> str:
    marks = {True: '<span class="ok">✓</span>', False: '<span class="no">✗</span>', None: "–"}
    rows = [
        [
            marks[one.passed],
            _both(said(SHOWN, one.name)),
            "–" if one.value is None else f"{one.value:,}",
            _both(BOUND_WORDS[one.direction]) + f" {one.bound:,}",
        ]
        for one in checks
    ]
    head = ["", _both(("figure", "指标")), _both(("measured", "测得")), _both(("bound", "界限"))]
    return (
        _section(("What was to be shown", "验证目标"), _table(head, rows, "checks")) if rows else ""
    )


def _summary(experiment: Experiment) -> str:
    rows = []
    for policy in experiment.policies():
        figures = summary(experiment.of(policy))
        cells = [figures.get(key) for key in COLUMNS]
        rows.append(
            [html.escape(policy), *("–" if cell is None else f"{cell:,}" for cell in cells)]
        )
    head = [_both(("policy", "策略")), *map(_both, COLUMNS.values())]
    return _section(("Figures", "数据"), _table(head, rows))


def _figures(experiment: Experiment) -> str:
    drawn = [draw_figures(experiment, language) for language in (0, 1)]
    cards = []
    for name in drawn[0]:
        policy = name.removeprefix("gantt_")
        title = TITLES.get(name, (f"Lanes: {policy}", f"通道甘特图：{policy}"))
        pictures = "".join(
            f'<div lang="{code}">{_inline(images[name])}</div>'
            for code, images in zip(("en", "zh"), drawn, strict=True)
        )
        cards.append(f'<figure data-name="{name}"><h3>{_both(title)}</h3>{pictures}</figure>')
    return _section(("Charts", "图表"), f'<div class="grid">{"".join(cards)}</div>')


def _inline(svg: bytes) -> str:
    text = svg.decode()
    return text[text.index("<svg") :].replace(INK, "currentColor")


def _published(experiment: Experiment) -> str:
    found = {policy: summary(experiment.of(policy)) for policy in experiment.policies()}
    rows = []
    for one in PUBLISHED:
        ours = found.get(one.policy, {}).get(one.key)
        cells = [one.policy, one.value, "–" if ours is None else f"{ours:,}"]
        rows.append([_both(one.name), *map(html.escape, cells), _both(one.comparable)])
    head = [
        _both(("figure", "指标")),
        _both(("policy", "策略")),
        _both(("report", "报告")),
        _both(("here", "本次")),
        _both(("comparable?", "可比性")),
    ]
    return _section(
        ("Beside the report's published figures", "与报告公布数据对照"),
        _table(head, rows, "words"),
    )


def _snapshot(experiment: Experiment) -> str:
    lines = next((run.snapshot for run in reversed(experiment.runs) if run.snapshot), [])
    body = f'<div class="card"><pre>{html.escape(chr(10).join(lines))}</pre></div>'
    return _section(("Devices after a run", "运行后的设备快照"), body) if lines else ""


def _trace(experiment: Experiment) -> str:
    events = next((run.trace for run in experiment.runs if run.trace), [])[:_TRACE]
    rows = [
        [
            f"{float(event['ts']) - float(events[0]['ts']):.3f}",
            *(html.escape(str(event.get(key, ""))) for key in list(TRACE_COLUMNS)[1:]),
        ]
        for event in events
    ]
    title = ("The trace's first events", "调度轨迹（开头）")
    return _section(title, _table([*map(_both, TRACE_COLUMNS.values())], rows)) if events else ""


def _leak(soak: Soak) -> str:
    seconds, sizes = soak.samples.column("seconds"), soak.samples.column("rss_mb")
    pictures = "".join(
        f'<div lang="{code}">{_inline(leak_curve(seconds, sizes, soak.warm_up, number))}</div>'
        for number, code in enumerate(("en", "zh"))
    )
    growth = []
    for name in BOUNDS:
        found = soak.growth(name)
        one = found.an_hour
        cells = ["–", "–"]
        if one is not None and one.low is not None and one.high is not None:
            cells = [f"{one.value:+.2f}", f"{one.low:+.2f} – {one.high:+.2f}"]
        growth.append([_both(HELD[name]), _both(found.word.value), *cells])
    head = ["", _both(("verdict", "结论")), _both(("an hour", "每小时")), "95 %"]
    counts = [
        [_both(title), _counts(count)]
        for title, count in (
            (("requests", "请求"), soak.turns),
            (("faults", "故障"), soak.faults),
            (("errors of attempts", "尝试失败的错误"), soak.errors),
        )
    ]
    curve = f'<figure data-name="leak"><h3>{_both(LEAK)}</h3>{pictures}</figure>'
    return _section(
        ("Soak: does anything grow?", "长程测试：是否泄漏"),
        "<br>".join([curve, _table(head, growth), _table([], counts, "words")]),
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{_both(said(HELD, name))} {count:,}" for name, count in counts.items())


def _environment(environment: Mapping[str, str | int]) -> str:
    rows = [[html.escape(key), html.escape(str(value))] for key, value in environment.items()]
    return _section(("Machine and versions", "机器与版本"), _table([], rows, "words"))
