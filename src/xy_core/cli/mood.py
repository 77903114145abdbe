"""``xy-core mood``: what a person felt, when; shown, exported, forgotten."""

from __future__ import annotations

import asyncio
import json as json_
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from xy_core.cli.files import write_json
from xy_core.cli.i18n import tr
from xy_core.core.errors import InputError

if TYPE_CHECKING:
    from xy_core.modules.memory import MemoryService, MoodPoint
    from xy_core.settings import Settings

T = TypeVar("T")
_ALL = 1_000_000
_HALF = 10
"""Columns of the valence bar on each side of neutral."""

mood_app = typer.Typer(
    no_args_is_help=True,
    help=tr("What a person felt, when: show, export, forget.", "情绪时间线：查看、导出、删除。"),
    rich_markup_mode="rich",
)

Person = Annotated[str, typer.Option(help=tr("Whose moods.", "谁的情绪。"))]
Days = Annotated[
    float, typer.Option(min=0, help=tr("Only the last days; 0: all.", "仅最近若干天；0 为全部。"))
]
Limit = Annotated[int, typer.Option(min=1, help=tr("The newest at most.", "最多显示的条数。"))]
Json = Annotated[bool, typer.Option("--json", help=tr("Print JSON.", "输出 JSON。"))]


@mood_app.command(
    help=tr(
        "Show a person's moods, oldest first.\n\n"
        "Example: [bold]xy-core mood timeline --person lin --days 7[/bold]",
        "按时间顺序显示情绪。\n\n示例：[bold]xy-core mood timeline --person lin --days 7[/bold]",
    )
)
def timeline(
    context: typer.Context,
    person: Person = "user",
    days: Days = 0,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Show the timeline."""
    points = _read(context.obj.settings(), person, days, limit)
    if json:
        typer.echo(json_.dumps(_as_json(person, points), ensure_ascii=False))
    else:
        _print(points)


@mood_app.command(
    help=tr(
        "Write all of a person's moods to a JSON file.\n\n"
        "Example: [bold]xy-core mood export --person lin --out lin.json[/bold]",
        "将全部情绪记录导出为 JSON 文件。\n\n"
        "示例：[bold]xy-core mood export --person lin --out lin.json[/bold]",
    )
)
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help=tr("The file to write.", "输出文件。"), metavar="FILE")],
    person: Person = "user",
    json: Json = False,
) -> None:
    """Export the timeline."""
    points = _read(context.obj.settings(), person, 0, _ALL)
    write_json(out, _as_json(person, points))
    if json:
        typer.echo(json_.dumps({"file": str(out), "points": len(points)}, ensure_ascii=False))
    else:
        typer.echo(f"{tr('exported', '已导出')} {len(points)} → {out}")


@mood_app.command(
    help=tr(
        "Delete a person's moods for good; what was said stays in memory.\n\n"
        "Example: [bold]xy-core mood forget --person lin --yes[/bold]",
        "永久删除情绪记录（对话记忆保留）。\n\n"
        "示例：[bold]xy-core mood forget --person lin --yes[/bold]",
    )
)
def forget(
    context: typer.Context,
    person: Person = "user",
    yes: Annotated[bool, typer.Option("--yes", help=tr("Do not ask.", "不再询问。"))] = False,
    json: Json = False,
) -> None:
    """Delete the timeline."""
    question = tr(f"Delete all moods of {person!r}?", f"删除 {person!r} 的全部情绪记录？")
    if not yes and not typer.confirm(question, err=True):
        raise typer.Exit(1)

    async def delete(memory: MemoryService) -> int:
        return await memory.forget_moods(person)

    count = asyncio.run(with_memory(context.obj.settings(), delete))
    if json:
        typer.echo(json_.dumps({"person": person, "forgotten": count}, ensure_ascii=False))
    else:
        typer.echo(f"{tr('forgotten', '已删除')}: {count}")


def _read(settings: Settings, person: str, days: float, limit: int) -> Sequence[MoodPoint]:
    since = time.time() - days * 86_400 if days else -math.inf

    async def read(memory: MemoryService) -> Sequence[MoodPoint]:
        return await memory.timeline(person, since=since, limit=limit)

    return asyncio.run(with_memory(settings, read))


async def with_memory(
    settings: Settings, use: Callable[[MemoryService], Awaitable[T]], *, create: bool = False
) -> T:
    """Open the memory alone: no model is needed to look at what is written.

    Raises:
        InputError: there is no memory file, and none is to be created.
    """
    from xy_core.modules.memory import MemoryService  # noqa: PLC0415 - help stays fast
    from xy_core.runtime import open_runtime  # noqa: PLC0415 - the same

    elsewhere = settings.memory.postgres is not None
    if not (create or elsewhere or settings.memory.path.is_file()):
        raise InputError(
            f"there is no memory file {settings.memory.path}: talk first, or set memory.path"
        )
    memory = settings.memory.model_copy(update={"embedding": None})
    async with open_runtime(settings.model_copy(update={"memory": memory}), ["memory"]) as runtime:
        return await use(runtime.engine.module(MemoryService))


def _as_json(person: str, points: Sequence[MoodPoint]) -> dict[str, Any]:
    return {"person": person, "points": [point.as_json() for point in points]}


def _print(points: Sequence[MoodPoint]) -> None:
    from xy_core.cli.show import emotion_word  # noqa: PLC0415 - help stays fast

    table = Table()
    for heading in (
        tr("when", "时间"),
        tr("emotion", "情绪"),
        tr("valence", "效价"),
        tr("from", "来源"),
        tr("about", "内容"),
    ):
        table.add_column(heading, no_wrap=heading != tr("about", "内容"))
    for point in points:
        when = datetime.fromtimestamp(point.time).astimezone().strftime("%Y-%m-%d %H:%M")
        mark = " !" if point.crisis else ""
        table.add_row(
            when,
            emotion_word(point.emotion) + mark,
            _bar(point.valence),
            ", ".join(point.sources),
            Text(point.topic),  # people type brackets too
        )
    console = Console()
    console.print(table if points else tr("nothing yet", "暂无记录"))


def _bar(valence: float) -> str:
    """Draw valence to the left or the right of neutral."""
    length = round(abs(valence) * _HALF)
    left = "█" * length if valence < 0 else ""
    right = "█" * length if valence > 0 else ""
    return f"{left:>{_HALF}}│{right:<{_HALF}}"
