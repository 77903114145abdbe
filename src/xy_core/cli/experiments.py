"""``xy-core bench stress|real|soak|compare|all``: the experiments of the report."""

from __future__ import annotations

import json as json_
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Table

from xy_core.cli.bench import Json, Out, Quick, print_result
from xy_core.cli.files import write_json, write_text
from xy_core.cli.i18n import language, tr
from xy_core.core.errors import ConfigError

if TYPE_CHECKING:
    from xy_core.bench.experiments.experiment import Experiment
    from xy_core.bench.experiments.interval import Interval
    from xy_core.bench.experiments.soak import Soak
    from xy_core.bench.result import BenchResult


experiments_app = typer.Typer(rich_markup_mode="rich")
"""Commands that stand beside the others of ``xy-core bench``."""


class ShapeName(StrEnum):
    """How requests come."""

    BURST = "burst"
    CLOSED = "closed"
    POISSON = "poisson"
    REPLAY = "replay"


class Matrix(StrEnum):
    """Which real models."""

    EMBEDDED = "embedded"
    EDGE_8GB = "edge-8gb"
    RANDOM = "random"


class PolicyName(StrEnum):
    """Ways to run the requests of ``real``."""

    SERIAL = "serial"
    NAIVE = "naive"
    THREADS = "threads"
    REPORT = "report"
    XY_CORE = "xy_core"


Requests = Annotated[int, typer.Option(min=1, max=10_000, help=tr("How many.", "请求数。"))]
Shape = Annotated[ShapeName, typer.Option(help=tr("How requests come.", "请求的到达方式。"))]
Clients = Annotated[int, typer.Option(min=1, help=tr("Who keep asking (closed).", "闭环客户数。"))]
Rate = Annotated[float, typer.Option(min=1e-6, help=tr("Requests/s (Poisson).", "泊松到达率。"))]
Seed = Annotated[int, typer.Option(help=tr("Decides orders and arrivals.", "随机种子。"))]
TraceFile = Annotated[
    Path | None, typer.Option(help=tr("A recorded trace.", "录制的轨迹。"), metavar="FILE")
]
Cores = Annotated[int | None, typer.Option(min=1, help=tr("At most so many.", "限制核心数。"))]
Memory = Annotated[str | None, typer.Option(help=tr("Such as 16GiB.", "内存上限，如 16GiB。"))]
Watts = Annotated[int | None, typer.Option(min=1, help=tr("By NVML.", "GPU 功耗（瓦）。"))]
Page = Annotated[
    Path | None, typer.Option(help=tr("Write the HTML report.", "写出 HTML 报告。"), metavar="FILE")
]
Csv = Annotated[
    Path | None, typer.Option(help=tr("All requests as CSV.", "全部请求（CSV）。"), metavar="FILE")
]
FigureFolder = Annotated[
    Path | None,
    typer.Option(help=tr("All figures, SVG and PNG.", "全部图（SVG 与 PNG）。"), metavar="FOLDER"),
]
SoakRecordFile = Annotated[
    Path | None,
    typer.Option(
        "--soak",
        help=tr("A soak's .jsonl, for the report.", "并入报告的长程测试 .jsonl。"),
        metavar="JSONL",
    ),
]


@experiments_app.command(
    help=tr(
        "Synthetic load under four policies."
        "\n\nExample: [bold]xy-core bench stress --virtual[/bold]",
        "四种策略下的合成负载。\n\n示例：[bold]xy-core bench stress --virtual[/bold]",
    )
)
def stress(
    quick: Quick = False,
    json: Json = False,
    out: Out = None,
    html: Page = None,
    csv: Csv = None,
    figures: FigureFolder = None,
    soak_record: SoakRecordFile = None,
    virtual: Annotated[
        bool, typer.Option("--virtual", help=tr("On a virtual clock.", "使用虚拟时钟。"))
    ] = False,
    shape: Shape = ShapeName.BURST,
    requests: Requests = 10,
    clients: Clients = 4,
    rate: Rate = 0.05,
    seed: Seed = 1,
    trace: TraceFile = None,
    calibrate: TraceFile = None,
    cores: Cores = None,
    memory: Memory = None,
    device_memory: Memory = None,
    gpu_power: Watts = None,
) -> None:
    """Measure; ends with 1 if a bound is not kept."""
    from dataclasses import replace  # noqa: PLC0415

    from xy_core.bench.experiments.limits import edge_limits  # noqa: PLC0415 - slow to import
    from xy_core.bench.experiments.shapes import make_shape  # noqa: PLC0415
    from xy_core.bench.experiments.stress import run_stress  # noqa: PLC0415
    from xy_core.bench.experiments.synthetic import calibrated  # noqa: PLC0415
    from xy_core.bench.task_chain import Profile  # noqa: PLC0415

    files = _files(out, html, csv, figures, soak_record)
    profile = Profile() if calibrate is None else calibrated(calibrate)
    device = _bytes("--device-memory", device_memory)
    if device is not None:
        profile = replace(profile, memory=device)
    size = _bytes("--memory", memory)
    chosen = make_shape(
        shape.value, requests=requests, clients=clients, rate=rate, seed=seed, trace=trace
    )
    with (
        Console(stderr=True).status("…") as status,
        edge_limits(cores=cores, memory=size, gpu_watts=gpu_power) as limits,
    ):
        simulated = "" if device is None else f"; {device >> 20} MiB of device memory, simulated"
        experiment = run_stress(
            profile,
            chosen,
            repeats=1 if quick else 5,
            seed=seed,
            virtual=virtual,
            limits=limits + simulated,
            progress=status.update,
        )
    _show(experiment, files, json=json)


@experiments_app.command(
    help=tr(
        "Real models under load, by five policies."
        "\n\nExample: [bold]xy-core bench real --quick[/bold]",
        "真实模型负载，五种策略。\n\n示例：[bold]xy-core bench real --quick[/bold]",
    )
)
def real(
    context: typer.Context,
    quick: Quick = False,
    json: Json = False,
    out: Out = None,
    html: Page = None,
    csv: Csv = None,
    figures: FigureFolder = None,
    soak_record: SoakRecordFile = None,
    matrix: Annotated[
        Matrix, typer.Option(help=tr("Which models.", "模型组合。"))
    ] = Matrix.EMBEDDED,
    policy: Annotated[
        list[PolicyName],
        typer.Option(help=tr("Only these; repeat it.", "只测这些策略，可重复。")),
    ] = list(PolicyName),  # noqa: B006 - never changed
    shape: Shape = ShapeName.BURST,
    requests: Requests = 10,
    clients: Clients = 4,
    rate: Rate = 0.5,
    seed: Seed = 1,
    trace: TraceFile = None,
    cores: Cores = None,
    memory: Memory = None,
    gpu_power: Watts = None,
) -> None:
    """Measure; ends with 1 if a bound is not kept."""
    from xy_core.bench.experiments.limits import edge_limits  # noqa: PLC0415 - slow to import
    from xy_core.bench.experiments.real import run_real  # noqa: PLC0415
    from xy_core.bench.experiments.shapes import make_shape  # noqa: PLC0415

    files = _files(out, html, csv, figures, soak_record)
    chosen = make_shape(
        shape.value, requests=requests, clients=clients, rate=rate, seed=seed, trace=trace
    )
    size = _bytes("--memory", memory)
    with (
        Console(stderr=True).status("…") as status,
        edge_limits(cores=cores, memory=size, gpu_watts=gpu_power) as limits,
    ):
        experiment = run_real(
            context.obj.settings(),
            matrix.value,
            chosen,
            policies=tuple(dict.fromkeys(one.value for one in policy)),
            repeats=1 if quick else 3,
            seed=seed,
            limits=limits,
            progress=status.update,
        )
    _show(experiment, files, json=json)


@experiments_app.command(
    help=tr(
        "Hours of real load with faults; Ctrl-C gives the verdict so far."
        "\n\nEach look is written at once beside FILE, as .jsonl; --of reads it after a cut."
        "\n\nExample: [bold]xy-core bench soak --hours 1 --out soak.json[/bold]",
        "带故障的长时间真实负载；Ctrl-C 给出当前结论。"
        "\n\n每次采样即时写入 FILE 旁的 .jsonl；中断后可用 --of 读取。"
        "\n\n示例：[bold]xy-core bench soak --hours 1 --out soak.json[/bold]",
    )
)
def soak(
    context: typer.Context,
    hours: Annotated[float, typer.Option(min=0.001, help=tr("How long.", "小时数。"))] = 1.0,
    seed: Seed = 1,
    json: Json = False,
    out: Out = None,
    html: Page = None,
    of: Annotated[
        Path | None,
        typer.Option(help=tr("Judge this record.", "对该记录给出结论。"), metavar="JSONL"),
    ] = None,
) -> None:
    """Soak; ends with 1 if something grows or is lost."""
    from xy_core.bench.experiments.soak_record import read_soak  # noqa: PLC0415 - slow to import
    from xy_core.bench.experiments.soak_run import run_soak  # noqa: PLC0415

    if of is not None:
        found = read_soak(of)
    else:
        with Console(stderr=True).status("…") as status:
            found = run_soak(
                context.obj.settings(),
                hours=hours,
                seed=seed,
                record=None if out is None else out.with_suffix(".jsonl"),
                progress=status.update,
            )
    if out is not None:
        write_json(out, found.as_json())
    if html is not None:
        from xy_core.bench.experiments.page import render_soak  # noqa: PLC0415 - needs an extra

        write_text(html, render_soak(found))
    if json:
        typer.echo(json_.dumps(found.as_json(), ensure_ascii=False))
    else:
        print_result(found.result())
        _print_growth(found)
    _judge([found.result()])


@experiments_app.command(
    help=tr(
        "Hold a result against an older one; ends with 1 if anything is worse."
        "\n\nExample: [bold]xy-core bench compare old.json new.json[/bold]",
        "与旧结果比较；有变差则以 1 退出。"
        "\n\n示例：[bold]xy-core bench compare old.json new.json[/bold]",
    )
)
def compare(old: Path, new: Path, json: Json = False) -> None:
    """Compare two files of ``stress`` or ``real``."""
    from xy_core.bench.experiments.compare import compare as compared  # noqa: PLC0415

    verdicts = compared(old, new)
    if json:
        typer.echo(json_.dumps([verdict.as_json() for verdict in verdicts]))
    else:
        table = Table(tr("policy", "策略"), tr("figure", "指标"), "new/old", "95 %", "")
        for one in verdicts:
            sure = _range(one.ratio, ".3f")
            table.add_row(one.policy, one.figure, f"{one.ratio.value:.3f}", sure, one.direction)
        Console().print(table)
    if any(verdict.direction == "worse" for verdict in verdicts):
        raise typer.Exit(1)


@experiments_app.command(
    name="all",
    help=tr(
        "Everything, one after the other.\n\nExample: [bold]xy-core bench all --quick[/bold]",
        "依次运行全部测量。\n\n示例：[bold]xy-core bench all --quick[/bold]",
    ),
)
def everything(
    context: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick/--full", help=tr("Five minutes, or all.", "五分钟或完整。"))
    ] = True,
    json: Json = False,
    out: Out = None,
) -> None:
    """Measure everything; ends with 1 if a bound is not kept."""
    from xy_core.bench.experiments.suite import run_all  # noqa: PLC0415 - slow to import

    with Console(stderr=True).status("…") as status:
        results = run_all(context.obj.settings(), quick=quick, progress=status.update)
    if out is not None:
        write_json(out, [result.as_json() for result in results])
    _print(results, json=json)


def _print_growth(soak: Soak) -> None:
    from xy_core.bench.experiments.soak import BOUNDS  # noqa: PLC0415 - slow to import

    table = Table("", tr("an hour", "每小时"), "95 %", tr("verdict", "结论"))
    for name in BOUNDS:
        growth = soak.growth(name)
        found = growth.an_hour
        cells = ("", "") if found is None else (f"{found.value:+.2f}", _range(found, "+.2f"))
        table.add_row(name, *cells, tr(*growth.word.value))
    Console().print(table)


def _range(interval: Interval, form: str) -> str:
    if interval.low is None or interval.high is None:
        return ""
    return f"{interval.low:{form}} – {interval.high:{form}}"


@dataclass(frozen=True, slots=True)
class _Files:
    """Where an experiment is to be written, as the options say."""

    out: Path | None
    page: Path | None
    csv: Path | None
    figures: Path | None
    soak: Soak | None

    def write(self, experiment: Experiment) -> None:
        """Write what was asked for."""
        if self.out is not None:
            write_json(self.out, experiment.as_json())
        if self.csv is not None:
            from xy_core.bench.experiments.files import requests_table  # noqa: PLC0415

            write_text(self.csv, requests_table(experiment))
        if self.figures is not None:
            from xy_core.bench.experiments.files import write_figures  # noqa: PLC0415

            write_figures(experiment, self.figures, int(language() == "zh"))
        if self.page is not None:
            from xy_core.bench.experiments.page import render_page  # noqa: PLC0415

            write_text(self.page, render_page(experiment, self.soak))


def _files(
    out: Path | None,
    page: Path | None,
    csv: Path | None,
    figures: Path | None,
    soak: Path | None,
) -> _Files:
    """Take the options; what is missing for them is told before anything is measured."""
    from xy_core.bench.experiments.figures import new_figure  # noqa: PLC0415 - slow to import
    from xy_core.bench.experiments.soak_record import read_soak  # noqa: PLC0415

    if page is not None or figures is not None:
        new_figure()
    return _Files(out, page, csv, figures, None if soak is None else read_soak(soak))


def _show(experiment: Experiment, files: _Files, *, json: bool) -> None:
    files.write(experiment)
    if json:
        typer.echo(json_.dumps(experiment.as_json(), ensure_ascii=False))
    else:
        print_result(experiment.result())
    _judge([experiment.result()])


def _print(results: Any, *, json: bool) -> None:  # noqa: ANN401 - a sequence of results
    if json:
        typer.echo(json_.dumps([result.as_json() for result in results], ensure_ascii=False))
    else:
        for result in results:
            print_result(result)
    _judge(results)


def _judge(results: list[BenchResult]) -> None:
    if any(check.passed is False for result in results for check in result.checks):
        raise typer.Exit(1)


def _bytes(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError as error:
        raise ConfigError(f"{option} {text!r} is no size: write it as 16GiB") from error
