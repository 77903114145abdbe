"""``xy-core memory``: what is remembered of whom; looked through, searched, forgotten, moved."""

from __future__ import annotations

import asyncio
import json as json_
import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from xy_core.cli.files import write_json
from xy_core.cli.i18n import tr
from xy_core.cli.mood import timeline, with_memory
from xy_core.core.errors import InputError

if TYPE_CHECKING:
    from xy_core.modules.memory import Memory, MemoryService

memory_app = typer.Typer(
    no_args_is_help=True,
    help=tr(
        "What is remembered of whom: list, search, show, forget, export, import.",
        "记忆：列出、搜索、查看、删除、导出、导入。",
    ),
    rich_markup_mode="rich",
)

Person = Annotated[str, typer.Option(help=tr("Whose memories.", "谁的记忆。"))]
Limit = Annotated[int, typer.Option(min=1, help=tr("How many at most.", "最多条数。"))]
Json = Annotated[bool, typer.Option("--json", help=tr("Print JSON.", "输出 JSON。"))]
Number = Annotated[int, typer.Argument(min=1, help=tr("Its number in the list.", "列表中的编号。"))]
Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        help=tr("Only user, assistant, fact or former.", "仅 user、assistant、fact 或 former。"),
    ),
]


def _help(english: str, chinese: str, example: str) -> str:
    shown = f"[bold]xy-core memory {example}[/bold]"
    return tr(f"{english}\n\nExample: {shown}", f"{chinese}\n\n示例：{shown}")


@memory_app.command(
    "list",
    help=_help(
        "List a person's memories, newest first.",
        "列出一个人的记忆，最新的在前。",
        "list --person lin --role fact",
    ),
)
def list_(
    context: typer.Context,
    person: Person = "user",
    role: Roles = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List memories."""
    from xy_core.modules.memory.types import ROLES  # noqa: PLC0415 - help stays fast

    async def read(memory: MemoryService) -> Sequence[Memory]:
        return await memory.entries(person, limit=limit, roles=role or ROLES)

    _show(asyncio.run(with_memory(context.obj.settings(), read)), json=json)


@memory_app.command(
    help=_help(
        "Find what bears on some words, best first; by words, without loading a model.",
        "按词语查找相关记忆，最相关的在前（不加载模型）。",
        'search "black cat" --person lin',
    )
)
def search(
    context: typer.Context,
    words: Annotated[str, typer.Argument(help=tr("What to look for.", "要查找的内容。"))],
    person: Person = "user",
    limit: Limit = 10,
    json: Json = False,
) -> None:
    """Search memories."""

    async def read(memory: MemoryService) -> Sequence[Memory]:
        return [found.memory for found in await memory.recall(person, words, limit=limit)]

    _show(asyncio.run(with_memory(context.obj.settings(), read)), json=json)


@memory_app.command(
    help=_help(
        "Show one memory; of a fact also what it took the place of.",
        "查看一条记忆；若是事实，同时显示其历史。",
        "show 12 --person lin",
    )
)
def show(
    context: typer.Context, number: Number, person: Person = "user", json: Json = False
) -> None:
    """Show a memory with its history."""

    async def read(memory: MemoryService) -> Sequence[Memory]:
        history = await memory.history(person, number)
        one = await memory.entry(person, number)
        return history or ([] if one is None else [one])

    found = asyncio.run(with_memory(context.obj.settings(), read))
    if not found:
        raise InputError(f"{person!r} has no memory {number}: see  xy-core memory list")
    _show(found, json=json)


@memory_app.command(
    help=_help(
        "Delete for good: single memories, a span of time, or all of a person.",
        "永久删除：若干条、一段时间、或某人的全部记忆。",
        "forget --person lin --since 2026-11-01 --until 2026-11-02",
    )
)
def forget(
    context: typer.Context,
    numbers: Annotated[
        list[int] | None, typer.Argument(help=tr("Numbers of memories.", "记忆的编号。"))
    ] = None,
    person: Person = "user",
    since: Annotated[
        datetime | None, typer.Option(help=tr("From this time on.", "起始时间。"))
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help=tr("Before this time.", "截止时间。"))
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help=tr("Do not ask.", "不再询问。"))] = False,
    json: Json = False,
) -> None:
    """Delete memories."""
    if numbers and (since or until):
        raise InputError("give numbers or a span of time, not both")
    what = _what(numbers or [], since, until)
    question = tr(f"Delete {what} of {person!r} for good?", f"永久删除 {person!r} 的{what}？")
    if not yes and not typer.confirm(question, err=True):
        raise typer.Exit(1)

    async def delete(memory: MemoryService) -> int:
        if numbers:
            return await memory.forget_items(person, numbers)
        if since or until:
            return await memory.forget_span(
                person,
                since=since.timestamp() if since else -math.inf,
                until=until.timestamp() if until else math.inf,
            )
        return await memory.forget(person)

    count = asyncio.run(with_memory(context.obj.settings(), delete))
    _tell({"person": person, "forgotten": count}, tr("forgotten", "已删除"), count, json=json)


@memory_app.command(
    help=_help(
        "Write all memories and moods, of one person or of everybody, to a JSON file.",
        "将一个人或所有人的记忆与情绪导出为 JSON 文件。",
        "export --person lin --out lin.json",
    )
)
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help=tr("The file to write.", "输出文件。"), metavar="FILE")],
    person: Annotated[str | None, typer.Option(help=tr("Only this person.", "仅此人。"))] = None,
    json: Json = False,
) -> None:
    """Export memories."""

    async def read(memory: MemoryService) -> dict[str, Any]:
        return await memory.export(person)

    document = asyncio.run(with_memory(context.obj.settings(), read))
    write_json(out, document)
    count = len(document["memories"])
    _tell({"file": str(out), "memories": count}, tr("exported", "已导出"), count, json=json)


@memory_app.command(
    "import",
    help=_help(
        "Take an export in; what is already there is passed over.",
        "导入先前的导出文件；已存在的内容会跳过。",
        "import lin.json",
    ),
)
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help=tr("The export.", "导出文件。"))],
    json: Json = False,
) -> None:
    """Import memories."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error}") from error

    async def take_in(memory: MemoryService) -> int:
        return await memory.import_document(content)

    count = asyncio.run(with_memory(context.obj.settings(), take_in, create=True))
    _tell({"file": str(file), "new": count}, tr("new", "新增"), count, json=json)


memory_app.command(
    "timeline",
    help=_help(
        "Show what a person felt, when.", "按时间顺序显示情绪。", "timeline --person lin --days 7"
    ),
)(timeline)


def _what(numbers: Sequence[int], since: datetime | None, until: datetime | None) -> str:
    if numbers:
        shown = ", ".join(str(number) for number in numbers)
        return tr(f"the memories {shown}", f"第 {shown} 条记忆")
    if since or until:
        return tr(
            f"what was from {since or '…'} until {until or '…'}",
            f"从 {since or '…'} 到 {until or '…'} 的记忆",
        )
    return tr("all memories", "全部记忆")


def _tell(plain: dict[str, Any], word: str, count: int, *, json: bool) -> None:
    typer.echo(json_.dumps(plain, ensure_ascii=False) if json else f"{word}: {count}")


def _show(memories: Sequence[Memory], *, json: bool) -> None:
    if json:
        told = [memory.as_json() for memory in memories]
        typer.echo(json_.dumps({"memories": told}, ensure_ascii=False))
        return
    table = Table()
    headings = (
        tr("number", "编号"),
        tr("when", "时间"),
        tr("kind", "类型"),
        tr("felt", "情绪"),
        tr("words", "内容"),
    )
    for heading in headings:
        table.add_column(heading, no_wrap=heading != headings[-1])
    for memory in memories:
        when = datetime.fromtimestamp(memory.time).astimezone().strftime("%Y-%m-%d %H:%M")
        words = Text(memory.text)  # people type brackets too
        table.add_row(str(memory.id), when, memory.role, memory.emotion or "", words)
    Console().print(table if memories else tr("nothing found", "没有找到"))
