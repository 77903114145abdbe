"""``xy-core tasks``: the durable tasks in the journal, and what became of them."""

from __future__ import annotations

import json as json_
import time
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xy_core.cli.i18n import tr
from xy_core.core.errors import InputError
from xy_core.core.records import DurableStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xy_core.core.config import JournalConfig
    from xy_core.core.journal_store import TaskRecords
    from xy_core.core.records import TaskRecord

tasks_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=tr("Look at durable tasks, requeue or delete them.", "查看、重新排队或删除持久任务。"),
)

JsonOption = Annotated[
    bool, typer.Option("--json", help=tr("Print JSON instead of text.", "输出 JSON。"))
]
_COLOURS = {"waiting": "yellow", "done": "green", "dead": "red"}
_CHINESE = {"waiting": "等待", "done": "完成", "dead": "死信"}


@tasks_app.command(
    "list",
    help=tr(
        "Show durable tasks, newest first; dead ones have failed for good.\n\n"
        "Example: [bold]xy-core tasks list --status dead[/bold]",
        "查看持久任务，新的在前；dead 表示彻底失败（死信）。\n\n"
        "示例：[bold]xy-core tasks list --status dead[/bold]",
    ),
)
def list_tasks(
    context: typer.Context,
    status: Annotated[
        DurableStatus | None, typer.Option(help=tr("Only those.", "只看这一类。"))
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help=tr("How many.", "最多几条。"))] = 50,
    json: JsonOption = False,
) -> None:
    """Print tasks."""
    with _records(context) as records:
        found = [] if records is None else records.find_tasks(status, limit)
        counts = {} if records is None else records.count_tasks()
    if json:
        _print_json({"tasks": [task.as_json() for task in found], "counts": counts})
    elif found:
        Console().print(_table(found))
        typer.echo("  ".join(f"{_status(name)} {count:,}" for name, count in counts.items()))
    else:
        typer.echo(tr("no durable tasks", "没有持久任务"))


@tasks_app.command(
    help=tr(
        "Let dead letters run again, from their first attempt.\n\n"
        "Example: [bold]xy-core tasks requeue 17 18[/bold], or [bold]--all[/bold]",
        "让死信从头重新执行。\n\n"
        "示例：[bold]xy-core tasks requeue 17 18[/bold]，或使用 [bold]--all[/bold]",
    )
)
def requeue(
    context: typer.Context,
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="ID…", help=tr("Which.", "任务编号。"))
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help=tr("All dead letters.", "所有死信。"))
    ] = False,
    json: JsonOption = False,
) -> None:
    """Requeue dead letters."""
    if bool(ids) == every:
        raise InputError(
            tr("give the ids of dead letters, or --all", "请给出死信的编号，或使用 --all")
        )
    with _records(context) as records:
        begun = [] if records is None else records.requeue(None if every else ids)
        others = sorted(set(ids or ()) - set(begun))
        if others:  # all or none
            raise InputError(
                tr("no dead letters: ", "不是死信：")
                + ", ".join(map(str, others))
                + tr("; see ", "；见 ")
                + "xy-core tasks list --status dead"
            )
    if json:
        _print_json({"requeued": begun})
    else:
        typer.echo(tr(f"requeued: {len(begun)}", f"已重新排队：{len(begun)}"))


@tasks_app.command(
    help=tr(
        "Delete tasks that have ended; those that wait are never deleted.\n\n"
        "Example: [bold]xy-core tasks purge --status dead --older-than 30[/bold]",
        "删除已结束的任务；等待中的任务不会被删除。\n\n"
        "示例：[bold]xy-core tasks purge --status dead --older-than 30[/bold]",
    )
)
def purge(
    context: typer.Context,
    status: Annotated[
        DurableStatus, typer.Option(help=tr("done or dead.", "done 或 dead。"))
    ] = DurableStatus.DONE,
    older_than: Annotated[
        float,
        typer.Option(min=0, metavar="DAYS", help=tr("Ended so long ago.", "结束至今的天数。")),
    ] = 0.0,
    json: JsonOption = False,
) -> None:
    """Delete ended tasks."""
    if status is DurableStatus.WAITING:
        raise InputError(tr("waiting tasks are not deleted", "等待中的任务不能删除"))
    before = time.time() - older_than * 86_400
    with _records(context) as records:
        count = 0 if records is None else records.purge(status, before)
    if json:
        _print_json({"purged": count})
    else:
        typer.echo(tr(f"purged: {count:,}", f"已删除：{count:,}"))


@contextmanager
def _records(context: typer.Context) -> Iterator[TaskRecords | None]:
    """Open the journal beside whatever program runs on it; None if there is none yet."""
    config: JournalConfig = context.obj.settings().journal
    if config.url is not None:
        from xy_core.cluster.postgres_journal import open_records  # noqa: PLC0415 - an extra

        with open_records(config) as records:
            yield records
        return
    if not config.path.exists():
        yield None
        return
    from xy_core.core.sqlite_journal import open_journal  # noqa: PLC0415 - help stays fast
    from xy_core.core.sqlite_records import SqliteRecords  # noqa: PLC0415 - the same

    with open_journal(config.path) as connection:
        yield SqliteRecords(connection)


def _table(tasks: Sequence[TaskRecord]) -> Table:
    table = Table(expand=True)
    for heading in (
        tr("id", "编号"),
        tr("status", "状态"),
        tr("task", "任务"),
        tr("arguments", "参数"),
        tr("attempts", "失败次数"),
        tr("since", "时间"),
        tr("last error", "最近错误"),
    ):
        table.add_column(heading, overflow="fold")
    for task in tasks:
        moment = datetime.fromtimestamp(task.ended_at or task.created_at).astimezone()
        table.add_row(
            str(task.task_id),
            f"[{_COLOURS[task.status]}]{_status(task.status)}[/]",
            _escape(task.name),
            _escape(json_.dumps(task.arguments, ensure_ascii=False)[:200]),
            str(task.attempts),
            f"{moment:%Y-%m-%d %H:%M:%S}",
            _escape(task.error or ""),
        )
    return table


def _status(name: str) -> str:
    return tr(name, _CHINESE[name])


def _escape(text: str) -> str:
    """Text of tasks is shown as it is, without markup and control characters."""
    return escape("".join(sign if sign.isprintable() else "·" for sign in text))


def _print_json(value: Any) -> None:  # noqa: ANN401 - anything that JSON takes
    typer.echo(json_.dumps(value, ensure_ascii=True))
