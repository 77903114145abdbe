"""``xy-core bench``: measurements of the core beside its peers."""

from __future__ import annotations

import importlib
import json as json_
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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


@dataclass(frozen=True, slots=True)
class _Benchmark:
    """A benchmark of ``xy_core.bench``, in the module of its name."""

    name: str
    help: str
    example: str

    def run(self, **options: Any) -> BenchResult:  # noqa: ANN401 - as each benchmark takes them
        module = importlib.import_module(f"xy_core.bench.{self.name.replace('-', '_')}")
        result: BenchResult = module.run(**options)
        return result

    @property
    def text(self) -> str:
        """What ``--help`` says."""
        example = f"[bold]xy-core bench {self.example}[/bold]"
        return f"{self.help}\n\n{tr('Example: ', '示例：')}{example}"


_BENCHMARKS = (
    _Benchmark(
        "overhead",
        tr(
            "What scheduling costs: throughput beside peers, latency, growth with the queue.",
            "调度开销：与同类对比的吞吐、延迟、随队列增长的代价。",
        ),
        "overhead --quick --json",
    ),
    _Benchmark(
        "isolation",
        tr(
            "How late the event loop runs while work fills the machine.",
            "机器满载时事件循环的延迟。",
        ),
        "isolation --quick",
    ),
    _Benchmark(
        "bus",
        tr(
            "Events a second to 1, 10 and 100 subscribers, beside bare queues and other buses.",
            "每秒送达 1、10、100 个订阅者的事件数，与裸队列和其他事件总线并排比较。",
        ),
        "bus --quick",
    ),
    _Benchmark(
        "recovery",
        tr(
            "Whether durable tasks survive SIGKILL, and what the journal costs.",
            "持久任务能否经受 SIGKILL，以及日志的开销。",
        ),
        "recovery --quick --json",
    ),
    _Benchmark(
        "pipeline",
        tr(
            "The report's mixed load on one simulated device: four policies, and the bound.",
            "报告中的混合负载（单个模拟设备）：四种策略与硬件上界。",
        ),
        "pipeline --json",
    ),
    _Benchmark(
        "residency",
        tr(
            "Models that do not fit together, against first come, first served with LRU.",
            "显存放不下的多个模型：与先来先服务加 LRU 对比。",
        ),
        "residency --json",
    ),
    _Benchmark(
        "host",
        tr(
            "What a model in a process of its own costs: arrays, calls, restarts.",
            "模型放在独立进程中的开销：数组、调用、重启。",
        ),
        "host --quick",
    ),
    _Benchmark(
        "cluster",
        tr(
            "What another node of a Ray cluster costs: calls, and arrays by reference.",
            "Ray 集群中另一节点的开销：调用，以及按引用传递的数组。",
        ),
        "cluster --quick --json",
    ),
    _Benchmark(
        "placement",
        tr(
            "Where a cluster's work goes: 10,000 simulated devices, a million tasks.",
            "集群任务的放置：1 万个模拟设备，一百万个任务。",
        ),
        "placement --quick --json",
    ),
)
_WITH_MODELS = (
    _Benchmark(
        "memory",
        tr(
            "Whether memories are found among 100,000, how quickly, and while others are written.",
            "十万条记忆中的检索：能否找到、多快、写入是否拖慢。",
        ),
        "memory --json",
    ),
    _Benchmark(
        "budget",
        tr(
            "Real models that do not fit together into a budget of memory, served in turns.",
            "真实模型总大小超过内存预算时，轮流加载、全部得到响应。",
        ),
        "budget --json",
    ),
    _Benchmark(
        "mood",
        tr(
            "Whether the mood that is meant reaches words, voice, face and picture.",
            "情绪是否一致地体现在文字、语音、表情与图像中。",
        ),
        "mood --quick",
    ),
    _Benchmark(
        "voice",
        tr(
            "How soon a spoken reply begins, and how soon it stops when the user speaks.",
            "语音回复多快开始，用户插话时多快停止。",
        ),
        "voice --quick",
    ),
    _Benchmark(
        "voice-roundtrip",
        tr(
            "What the voices say, heard again: the share of wrong words, English and Chinese.",
            "合成的语音再识别一遍：中英文的字词错误率。",
        ),
        "voice-roundtrip --json",
    ),
    _Benchmark(
        "server",
        tr(
            "What the server costs, beside llama.cpp's own with the same model.",
            "与 llama.cpp 自带服务器并排，同一模型，测量服务器的开销。",
        ),
        "server --json",
    ),
    _Benchmark(
        "server-load",
        tr(
            "200 clients that stream at once: errors, the loop's lag, memory.",
            "200 个客户端同时流式请求：错误数、事件循环延迟、内存。",
        ),
        "server-load --quick",
    ),
)
"""Those that run real models, and so want the settings."""
_LEAK = _Benchmark(
    "leak",
    tr("Whether memory grows with the number of tasks.", "内存是否随任务数增长。"),
    "leak --tasks 1000000 --json",
)


def _add(benchmark: _Benchmark) -> None:
    @bench_app.command(benchmark.name, help=benchmark.text)
    def command(quick: Quick = False, json: Json = False, out: Out = None) -> None:
        """Run the benchmark; ends with 1 if a bound is not kept."""
        _measure(lambda progress: benchmark.run(quick=quick, progress=progress), json=json, out=out)


def _add_with_models(benchmark: _Benchmark) -> None:
    @bench_app.command(benchmark.name, help=benchmark.text)
    def command(
        context: typer.Context, quick: Quick = False, json: Json = False, out: Out = None
    ) -> None:
        """Run the benchmark; ends with 1 if a bound is not kept."""
        settings = context.obj.settings()
        _measure(
            lambda progress: benchmark.run(settings=settings, quick=quick, progress=progress),
            json=json,
            out=out,
        )


for _each in _BENCHMARKS:
    _add(_each)
for _each in _WITH_MODELS:
    _add_with_models(_each)


@bench_app.command(_LEAK.name, help=_LEAK.text)
def leak(tasks: Tasks = 1_000_000, json: Json = False, out: Out = None) -> None:
    """Run the benchmark; ends with 1 if a bound is not kept."""
    _measure(lambda progress: _LEAK.run(tasks=tasks, progress=progress), json=json, out=out)


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
