"""How moods and lanes look in a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from xy_core.cli.i18n import tr
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.core.task import TaskStatus

_COLOURS = {
    "joy": "yellow",
    "sadness": "blue",
    "anger": "red",
    "fear": "magenta",
    "surprise": "cyan",
    "disgust": "green",
    "neutral": "white",
}
_CHINESE = {
    "joy": "喜悦",
    "sadness": "悲伤",
    "anger": "愤怒",
    "fear": "恐惧",
    "surprise": "惊讶",
    "disgust": "厌恶",
    "neutral": "平静",
}
_BAR = 10


def emotion_word(emotion: str) -> str:
    """Return an emotion's name in the language of the terminal."""
    return tr(emotion, _CHINESE.get(emotion, emotion))


def mood_line(probabilities: Mapping[str, float], most: int = 3) -> Text:
    """Return the strongest emotions as short bars on one line."""
    line = Text()
    strongest = sorted(probabilities.items(), key=lambda item: item[1], reverse=True)[:most]
    for emotion, share in strongest:
        bar = "█" * max(1, round(share * _BAR))
        line.append(f"{emotion_word(emotion)} ")
        line.append(bar, style=_COLOURS.get(emotion, "white"))
        line.append(f" {share:.0%}  ")
    return line


def lanes_table(scheduler: GlobalTaskScheduler) -> Table:
    """Return the lanes with what waits, what runs and what has ended."""
    table = Table(expand=True)
    for heading in (
        tr("lane", "通道"),
        tr("waiting", "等待"),
        tr("running", "运行"),
        tr("done", "完成"),
        tr("now", "正在执行"),
    ):
        table.add_column(heading, no_wrap=heading != tr("now", "正在执行"))
    running: dict[str, list[str]] = {}
    for task in scheduler.tasks():
        if task.status is TaskStatus.RUNNING:
            running.setdefault(task.lane, []).append(f"{task.name} [dim]{task.priority.name}[/]")
    for name, lane in scheduler.statistics().items():
        done = lane.ended[TaskStatus.COMPLETED.value]
        now = ", ".join(running.get(name, [])) or "·"
        table.add_row(name, str(lane.waiting), str(lane.running), str(done), now)
    return table
