"""``xy-core emotion`` and ``xy-core eval emotion``: what is read in a text, and how well."""

from __future__ import annotations

import json as json_
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from xy_core.cli.files import write_json
from xy_core.cli.i18n import tr
from xy_core.cli.show import emotion_word, mood_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xy_core.evaluation.emotion.cases import CaseVerdict
    from xy_core.modules.emotion.types import EmotionReading
    from xy_core.settings import Settings

eval_app = typer.Typer(
    no_args_is_help=True,
    help=tr("Measure what is shipped on public test sets.", "在公开测试集上评测随附的模型。"),
    rich_markup_mode="rich",
)

Data = Annotated[
    Path,
    typer.Option(
        help=tr("Folder of the test sets.", "测试集所在目录。"),
        metavar="DIR",
        exists=True,
        file_okay=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help=tr("Print JSON.", "输出 JSON。"))]
Out = Annotated[
    Path | None, typer.Option(help=tr("Write JSON to a file.", "写入 JSON 文件。"), metavar="FILE")
]


def run_emotion(settings: Settings, text: str, *, as_json: bool) -> None:
    """Read one text, or standard input if it is ``-``, and print what was found."""
    from xy_core.modules.emotion.backends.recogniser import load_recogniser  # noqa: PLC0415
    from xy_core.modules.emotion.types import EmotionReading  # noqa: PLC0415

    text = sys.stdin.read() if text == "-" else text
    recogniser = load_recogniser()
    recogniser.read("warm up")
    begun = time.perf_counter()
    found = recogniser.read(text[: settings.emotion.max_characters])
    spent = (time.perf_counter() - begun) * 1e3
    reading = EmotionReading.found(found, settings.emotion.unsure_below)
    if as_json:
        body = reading.as_json() | {"milliseconds": round(spent, 2)}
        typer.echo(json_.dumps(body, ensure_ascii=False))
    else:
        _print_reading(reading, spent)


@eval_app.command(
    name="emotion",
    help=tr(
        "How well emotions are read: GoEmotions, MELD, CLUE, sixty hard cases, time and memory.\n\n"
        "Example: [bold]xy-core eval emotion --data data/emotion --json[/bold]",
        "情绪识别效果：GoEmotions、MELD、CLUE、六十条难例、耗时与内存。\n\n"
        "示例：[bold]xy-core eval emotion --data data/emotion --json[/bold]",
    ),
)
def evaluate_emotion(
    context: typer.Context, data: Data, json: Json = False, out: Out = None
) -> None:
    """Measure; ends with 1 if a bound is not kept."""
    from xy_core.cli.bench import print_result  # noqa: PLC0415
    from xy_core.evaluation.emotion.report import evaluate  # noqa: PLC0415 - only for this command

    unsure_below = context.obj.settings().emotion.unsure_below
    with Console(stderr=True).status("…") as status:
        report = evaluate(data, unsure_below, status.update)
    body = report.result.as_json() | {"cases": [_case_as_json(one) for one in report.cases]}
    if out is not None:
        write_json(out, body)
    if json:
        typer.echo(json_.dumps(body, ensure_ascii=False))
    else:
        _print_cases(report.cases)
        print_result(report.result)
    if any(check.passed is False for check in report.result.checks):
        raise typer.Exit(1)


def _print_reading(reading: EmotionReading, milliseconds: float) -> None:
    console = Console(highlight=False)
    word = tr("unsure", "不确定") if reading.unsure else emotion_word(reading.top.value)
    console.print(f"[bold]{word}[/bold]  {milliseconds:.1f} ms")
    console.print(mood_line({emotion.value: p for emotion, p in reading.probabilities.items()}))
    if reading.recognition and len(reading.recognition.named) > 1:
        named = ", ".join(emotion_word(emotion.value) for emotion in reading.recognition.named)
        console.print(tr("present: ", "包含：") + named)
    console.print(
        f"{tr('intensity', '强度')} {reading.intensity:.2f}  "
        f"{tr('valence', '效价')} {reading.valence:+.2f}  "
        f"{tr('arousal', '唤醒度')} {reading.arousal:+.2f}",
        style="dim",
    )


def _print_cases(cases: Sequence[CaseVerdict]) -> None:
    table = Table(expand=True)
    for heading in (
        "",
        tr("kind", "类别"),
        tr("text", "文本"),
        tr("expected", "应为"),
        tr("read", "识别为"),
    ):
        table.add_column(heading)
    for verdict in cases:
        case = verdict.case
        table.add_row(
            "[green]✓[/]" if verdict.right else "[red]✗[/]",
            f"{case.language} {case.kind}",
            _shortened(case.text),
            " | ".join(case.expected),
            _read(verdict),
        )
    Console().print(table)


def _case_as_json(verdict: CaseVerdict) -> dict[str, object]:
    return {
        "language": verdict.case.language,
        "kind": verdict.case.kind,
        "text": _shortened(verdict.case.text),
        "expected": list(verdict.case.expected),
        "read": _read(verdict),
        "right": verdict.right,
    }


def _read(verdict: CaseVerdict) -> str:
    return "unsure" if verdict.reading.unsure else verdict.reading.top.value


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)})"
