"""``xy-core bench``: measurements of the core beside its peers."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from xy_core.cli.files import write_json
from xy_core.cli.i18n import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from xy_core.bench.result import BenchResult, Check, Progress

bench_app = typer.Typer(
    no_args_is_help=True,
    help=tr("Measure the core beside its peers.", "与同类工具并排测量内核。"),
    rich_markup_mode="rich",
)

Quick = Annotated[bool, typer.Option("--quick", help=tr("Fewer repetitions.", "减少重复次数。"))]
Json = Annotated[bool, typer.Option("--json", help=tr("Print JSON.", "输出 JSON。"))]
Tasks = Annotated[int, typer.Option(min=1_000, help=tr("How many tasks.", "任务数量。"))]
Out = Annotated[
    Path | None, typer.Option(help=tr("Write JSON to a file.", "写入 JSON 文件。"), metavar="FILE")
]


@bench_app.command(
    help=tr(
        "What scheduling costs: throughput beside peers, latency, growth with the queue.\n\n"
        "Example: [bold]xy-core bench overhead --quick --json[/bold]",
        "调度开销：与同类对比的吞吐、延迟、随队列增长的代价。\n\n"
        "示例：[bold]xy-core bench overhead --quick --json[/bold]",
    )
)
def overhead(quick: Quick = False, json: Json = False, out: Out = None) -> None:
    """Run the benchmark; ends with 1 if a bound is not kept."""
    from xy_core.bench.overhead import run  # noqa: PLC0415 - only for this command

    _measure(lambda progress: run(quick=quick, progress=progress), json=json, out=out)


@bench_app.command(
    help=tr(
        "How late the event loop runs while work fills the machine.\n\n"
        "Example: [bold]xy-core bench isolation --quick[/bold]",
        "机器满载时事件循环的延迟。\n\n示例：[bold]xy-core bench isolation --quick[/bold]",
    )
)
def isolation(quick: Quick = False, json: Json = False, out: Out = None) -> None:
    """Run the benchmark; ends with 1 if a bound is not kept."""
    from xy_core.bench.isolation import run  # noqa: PLC0415 - only for this command

    _measure(lambda progress: run(quick=quick, progress=progress), json=json, out=out)


@bench_app.command(
    help=tr(
        "Whether memory grows with the number of tasks.\n\n"
        "Example: [bold]xy-core bench leak --tasks 1000000 --json[/bold]",
        "内存是否随任务数增长。\n\n示例：[bold]xy-core bench leak --tasks 1000000 --json[/bold]",
    )
)
def leak(tasks: Tasks = 1_000_000, json: Json = False, out: Out = None) -> None:
    """Run the benchmark; ends with 1 if a bound is not kept."""
    from xy_core.bench.leak import run  # noqa: PLC0415 - only for this command

    _measure(lambda progress: run(tasks=tasks, progress=progress), json=json, out=out)


def _measure(run: Callable[[Progress], BenchResult], *, json: bool, out: Path | None) -> None:
    """Run a benchmark with a line of progress, show what it found, and judge it."""
    with Console(stderr=True).status("…") as status:
        result = run(status.update)
    if out is not None:
        write_json(out, result.as_json())
    if json:
        typer.echo(json_.dumps(result.as_json(), ensure_ascii=False))
    else:
        print_result(result)
    if any(check.passed is False for check in result.checks):
        raise typer.Exit(1)


def print_result(result: BenchResult) -> None:
    """Print figures by row, then each bound and whether it is kept."""
    console = Console()
    for name, figures in result.rows.items():
        shown = "  ".join(f"{key} {value:,}" for key, value in figures.items() if value is not None)
        console.print(f"{name:24s} {shown}", markup=False, highlight=False)
    table = Table()
    for heading in ("", tr("figure", "指标"), tr("measured", "测得"), tr("bound", "界限")):
        table.add_column(heading)
    for check in result.checks:
        table.add_row(
            _mark(check), check.name, str(check.value), f"{check.direction} {check.bound}"
        )
    console.print(table)


def _mark(check: Check) -> str:
    if check.passed is None:
        return "[dim]–[/]"
    return "[green]✓[/]" if check.passed else "[red]✗[/]"
