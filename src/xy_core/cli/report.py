"""The demonstration's page: one HTML file that needs nothing else."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any

from xy_core.cli.i18n import tr

_PAGE = "report.html.template"


def render_report(turns: Sequence[dict[str, Any]], tasks: Sequence[dict[str, Any]]) -> str:
    """Return the page as HTML.

    Args:
        turns: the entries of ``turns.json``.
        tasks: the records of the scheduler's tasks.
    """
    run = [task for task in tasks if task["started_at"] and task["ended_at"]]
    page = Template((files("xy_core.cli") / _PAGE).read_text("utf-8"))
    return page.substitute(
        title=tr("xy-core: three turns", "xy-core：三轮对话"),
        turns="\n".join(_turn(turn) for turn in turns),
        tasks="\n".join(_lane(lane, run) for lane in sorted({task["lane"] for task in run})),
        lanes_title=tr("What ran where", "任务在通道中的运行"),
    )


def _turn(turn: dict[str, Any]) -> str:
    emotion = turn["emotion"] or {}
    rows = [
        (tr("User", "用户"), turn["input"]["text"] or (turn["transcript"] or {}).get("text", "")),
        (tr("Seen", "看到"), " / ".join(_lines(turn["vision"]))),
        (tr("Feels", "情绪"), emotion.get("top", "")),
        (tr("Answers", "语气"), (turn["expression"] or {}).get("directive", "")),
        (tr("Reply", "回复"), turn["reply"]),
        (tr("Heard again", "复听"), turn["audio_check"]["heard"]),
        (tr("Error rate", "误差率"), f"{turn['audio_check']['error_rate']:.0%}"),
        (tr("Seconds", "秒"), json.dumps(turn["seconds"])),
    ]
    cells = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>"
        for name, value in rows
        if value
    )
    return (
        f"<section><h2>{turn['turn']}</h2><dl>{cells}</dl>{_bars(emotion)}"
        f'<audio controls src="{html.escape(turn["audio"])}"></audio></section>'
    )


def _lines(vision: dict[str, Any] | None) -> list[str]:
    return [line["text"] for line in vision["lines"]] if vision else []


def _bars(emotion: dict[str, Any]) -> str:
    return "".join(
        f'<div class="bar {html.escape(name)}"><i style="width:{share:.0%}"></i>'
        f"<span>{html.escape(name)} {share:.0%}</span></div>"
        for name, share in emotion.get("probabilities", {}).items()
    )


def _lane(lane: str, tasks: Sequence[dict[str, Any]]) -> str:
    """Draw one lane's tasks as an SVG strip over the time of all tasks; all of them have run."""
    begin = min(task["started_at"] for task in tasks)
    span = max(task["ended_at"] for task in tasks) - begin or 1.0
    boxes = "".join(
        f'<rect x="{(task["started_at"] - begin) / span * 1000:.1f}" '
        f'width="{max(1.0, (task["ended_at"] - task["started_at"]) / span * 1000):.1f}" '
        f'y="{_row(task)}" height="9" class="{html.escape(task["name"].split(".")[0])}">'
        f"<title>{html.escape(task['name'])} · {html.escape(task['priority'])} · "
        f"{(task['ended_at'] - task['started_at']) * 1000:.0f} ms</title></rect>"
        for task in tasks
        if task["lane"] == lane
    )
    return f'<h3>{html.escape(lane)}</h3><svg viewBox="0 0 1000 44">{boxes}</svg>'


def _row(task: dict[str, Any]) -> int:
    number = task["worker"].rpartition("-")[2]
    return (int(number) % 4) * 11 if number.isdigit() else 0
