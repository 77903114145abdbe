"""``xy-core cluster``: the machines and programs that this one works with."""

from __future__ import annotations

import json as json_
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xy_core.cli.i18n import tr

if TYPE_CHECKING:
    from xy_core.cluster.status import BrokerStatus, JournalStatus, NodesStatus

cluster_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=tr("Look at the machines and engines that share work.", "查看共同分担工作的机器与引擎。"),
)


@cluster_app.command(
    help=tr(
        "Show the engines that share the journal, its tasks, the broker of events, and Ray's "
        "nodes; ends with 1 if one of them that is configured is not there.\n\n"
        "Example: [bold]xy-core cluster status --json[/bold]",
        "查看共用日志的引擎、其中的任务、事件中转服务器以及 Ray 的节点；若其中已配置的某项不可用，"
        "则以 1 结束。\n\n示例：[bold]xy-core cluster status --json[/bold]",
    )
)
def status(
    context: typer.Context,
    json: Annotated[
        bool, typer.Option("--json", help=tr("Print JSON instead of text.", "输出 JSON。"))
    ] = False,
) -> None:
    """Print what is there."""
    from xy_core.cluster import status as look  # noqa: PLC0415 - help stays fast

    settings = context.obj.settings()
    with Console(stderr=True).status(tr("looking …", "正在查看……")):
        journal = look.journal_status(settings.journal)
        broker = look.broker_status(settings.broker)
        nodes = look.nodes_status(settings.cluster)
    parts = {"journal": journal, "broker": broker, "ray": nodes}
    if json:
        told = {name: part and asdict(part) for name, part in parts.items()}
        typer.echo(json_.dumps(told, ensure_ascii=True))
    else:
        _print(journal, broker, nodes)
    if any(part is not None and part.problem for part in parts.values()):
        raise typer.Exit(1)


def _print(
    journal: JournalStatus | None, broker: BrokerStatus | None, nodes: NodesStatus | None
) -> None:
    console = Console()
    if journal is None:
        typer.echo(
            tr(
                "journal: this program's own file (several engines share one by journal.url)",
                "日志：本程序自己的文件（设置 journal.url 可让多个引擎共用一份）",
            )
        )
    elif journal.problem:
        typer.echo(tr("journal: ", "日志：") + journal.problem)
    else:
        console.print(_engines(journal))
        counts = journal.tasks.items()
        words = "  ".join(f"{_status(name)} {count:,}" for name, count in counts)
        typer.echo(tr("tasks: ", "任务：") + words)
    typer.echo(tr("broker: ", "事件中转：") + _broker(broker))
    if nodes is None:
        typer.echo(tr("Ray: not configured (cluster.address)", "Ray：未配置（cluster.address）"))
    elif nodes.problem:
        typer.echo("Ray: " + nodes.problem)
    else:
        console.print(_nodes(nodes))


def _broker(broker: BrokerStatus | None) -> str:
    if broker is None:
        return tr("not configured (broker.url)", "未配置（broker.url）")
    if broker.round_trip is None:
        return broker.problem
    return tr("answers in ", "应答用时 ") + f"{broker.round_trip * 1e3:.1f} ms"


def _engines(journal: JournalStatus) -> Table:
    table = Table(
        tr("engine", "引擎"),
        tr("host", "主机"),
        tr("process", "进程"),
        tr("version", "版本"),
        tr("since", "启动于"),
        tr("heard of", "最近消息"),
        tr("tasks", "任务"),
        tr("state", "状态"),
    )
    for engine in journal.engines:
        table.add_row(
            str(engine.engine_id),
            _escape(engine.host),
            str(engine.pid),
            _escape(engine.version),
            f"{datetime.fromtimestamp(engine.started_at).astimezone():%Y-%m-%d %H:%M:%S}",
            f"{engine.silent:.1f} s",
            f"{engine.claimed:,}",
            _alive(alive=engine.alive),
        )
    return table


def _nodes(nodes: NodesStatus) -> Table:
    table = Table(tr("node", "节点"), tr("host", "主机"), "CPU", "GPU", tr("memory", "内存"))
    table.add_column(tr("state", "状态"))
    for node in nodes.nodes:
        table.add_row(
            node.node_id[:12],
            _escape(node.address),
            f"{node.resources.get('CPU', 0):g}",
            f"{node.resources.get('GPU', 0):g}",
            f"{node.resources.get('memory', 0) / 2**30:.1f} GiB",
            _alive(alive=node.alive),
        )
    return table


def _alive(*, alive: bool) -> str:
    return f"[green]{tr('alive', '存活')}[/]" if alive else f"[red]{tr('dead', '死亡')}[/]"


def _status(name: str) -> str:
    chinese = {"waiting": "等待", "running": "执行中", "done": "完成", "dead": "死信"}
    return tr(name, chinese[name])


def _escape(text: str) -> str:
    """What others wrote into the database is shown without markup and control characters."""
    return escape("".join(sign if sign.isprintable() else "·" for sign in text))
