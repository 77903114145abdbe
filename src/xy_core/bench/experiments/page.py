"""The report of an experiment: one HTML file in two languages that needs nothing else."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template

from xy_core.bench.experiments.experiment import Experiment, summary
from xy_core.bench.experiments.figures import INK, draw_figures, leak_curve
from xy_core.bench.experiments.published import PUBLISHED, Text
from xy_core.bench.experiments.soak import BOUNDS, Soak
from xy_core.bench.result import Check

_TITLES: dict[str, Text] = {
    "throughput": ("Throughput, with 95 % intervals", "吞吐量（含 95% 置信区间）"),
    "latency_submission": ("Latency from submission", "延迟（自提交起）"),
    "latency_start": ("Latency from the start of computing", "延迟（自开始计算起）"),
    "lag": ("How late the event loop ran", "事件循环的延迟"),
    "memory": ("Memory over time", "内存随时间的变化"),
}
_COLUMNS: dict[str, Text] = {
    "requests_per_second": ("requests/s", "请求/秒"),
    "p50_from_submission": ("P50, s", "P50（秒）"),
    "p95_from_submission": ("P95, s", "P95（秒）"),
    "p99_from_submission": ("P99, s", "P99（秒）"),
    "p50_from_start": ("P50 from start, s", "P50 自开始（秒）"),
    "loop_block_ms": ("longest block, ms", "最长阻塞（毫秒）"),
    "peak_mb": ("peak memory, MiB", "内存峰值（MiB）"),
    "failed": ("failed", "失败"),
}
_LEAK: Text = ("Resident memory (grey: warm-up)", "常驻内存（灰色：预热）")
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


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="card scroll"><table><tr>{heads}</tr>{lines}</table></div>'


def _checks(checks: Sequence[Check]) -> str:
    words = {"at least": ("at least", "至少"), "at most": ("at most", "至多")}
    marks = {True: '<span class="ok">✓</span>', False: '<span class="no">✗</span>', None: "–"}
    rows = [
        [
            marks[one.passed],
            html.escape(one.name),
            str(one.value),
            _both(words[one.direction]) + f" {one.bound}",
        ]
        for one in checks
    ]
    head = ["", _both(("figure", "指标")), _both(("measured", "测得")), _both(("bound", "界限"))]
    return _section(("What was to be shown", "验证目标"), _table(head, rows)) if rows else ""


def _summary(experiment: Experiment) -> str:
    rows = []
    for policy in experiment.policies():
        figures = summary(experiment.of(policy))
        cells = [figures.get(key) for key in _COLUMNS]
        rows.append(
            [html.escape(policy), *("–" if cell is None else f"{cell:,}" for cell in cells)]
        )
    head = [_both(("policy", "策略")), *map(_both, _COLUMNS.values())]
    return _section(("Figures", "数据"), _table(head, rows))


def _figures(experiment: Experiment) -> str:
    drawn = [draw_figures(experiment, language) for language in (0, 1)]
    cards = []
    for name in drawn[0]:
        policy = name.removeprefix("gantt_")
        title = _TITLES.get(name, (f"Lanes: {policy}", f"通道甘特图：{policy}"))
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
        ("Beside the report's published figures", "与报告公布数据对照"), _table(head, rows)
    )


def _snapshot(experiment: Experiment) -> str:
    lines = next((run.snapshot for run in reversed(experiment.runs) if run.snapshot), [])
    body = f'<div class="card"><pre>{html.escape(chr(10).join(lines))}</pre></div>'
    return _section(("Devices after a run", "运行后的设备快照"), body) if lines else ""


def _trace(experiment: Experiment) -> str:
    events = next((run.trace for run in experiment.runs if run.trace), [])[:_TRACE]
    lines = "\n".join(json.dumps(event, ensure_ascii=False) for event in events)
    body = f'<div class="card"><pre>{html.escape(lines)}</pre></div>'
    return _section(("The trace's first events", "调度轨迹（开头）"), body) if events else ""


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
        growth.append([html.escape(name), *cells, _both(found.word.value)])
    head = ["", _both(("an hour", "每小时")), "95 %", _both(("verdict", "结论"))]
    counts = [
        [_both(title), html.escape(json.dumps(dict(count), ensure_ascii=False))]
        for title, count in (
            (("requests", "请求"), soak.turns),
            (("faults", "故障"), soak.faults),
            (("errors of attempts", "尝试失败的错误"), soak.errors),
        )
    ]
    curve = f'<figure data-name="leak"><h3>{_both(_LEAK)}</h3>{pictures}</figure>'
    return _section(
        ("Soak: does anything grow?", "长程测试：是否泄漏"),
        "<br>".join([curve, _table(head, growth), _table(["", ""], counts)]),
    )


def _environment(environment: Mapping[str, str | int]) -> str:
    rows = [[html.escape(key), html.escape(str(value))] for key, value in environment.items()]
    return _section(("Machine and versions", "机器与版本"), _table(["", ""], rows))
