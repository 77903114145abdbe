"""``xy-core models``: which models there are, and fetching, checking and deleting them."""

from __future__ import annotations

import asyncio
import json as json_
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from xy_core.cli.i18n import tr

if TYPE_CHECKING:
    from xy_core.models import CatalogueEntry, ModelStore, Progress
    from xy_core.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=tr("List, fetch, check and delete models.", "查看、下载、校验、删除模型。"),
)

JsonOption = Annotated[
    bool, typer.Option("--json", help=tr("Print JSON instead of text.", "输出 JSON。"))
]
ProfileOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help=tr("A set of models: embedded, edge-8gb.", "模型组合名称。")),
]
ModelArgument = Annotated[str, typer.Argument(metavar="ID", help=tr("Its id.", "模型 id。"))]
_MEGABYTE = 1_000_000


def open_store(settings: Settings) -> ModelStore:
    """Return the store that the configuration describes.

    Raises:
        ConfigError: the user's own catalogue cannot be read.
    """
    from xy_core.models import ModelStore  # noqa: PLC0415 - help stays fast

    return ModelStore(settings.models.root, settings.models.catalogue)


def pull_all(store: ModelStore, profile: str, *, offline: bool) -> None:
    """Install all models of a profile, showing their licences and a progress bar.

    Raises:
        ModelError: one of them could not be installed.
    """
    for entry in store.catalogue.profile(profile):
        _pull_aloud(store, entry, offline=offline)


def _pull_aloud(store: ModelStore, entry: CatalogueEntry, *, offline: bool) -> None:
    if not store.installed(entry.id):
        typer.echo(f"{entry.id} · {entry.title}, {_megabytes(entry.size)}")
        licence = f"{tr('licence: ', '许可证：')}{entry.licence}  {entry.licence_note}"
        typer.echo("  " + licence.rstrip())
        _pull(store, entry, offline=offline)


def _pull(store: ModelStore, entry: CatalogueEntry, *, offline: bool) -> None:
    """Install one model under a progress bar on stderr, which leaves no trace there."""
    with _download_progress() as progress:
        asyncio.run(store.pull(entry.id, offline=offline, progress=progress))


@app.command(
    "list",
    help=tr(
        "Show the models of the catalogue, and which are installed.\n\n"
        "Example: [bold]xy-core models list --profile embedded[/bold]",
        "查看目录中的模型与安装情况。\n\n示例：[bold]xy-core models list --profile embedded[/bold]",
    ),
)
def list_models(
    context: typer.Context, profile: ProfileOption = None, json: JsonOption = False
) -> None:
    """Print the catalogue."""
    store = open_store(context.obj.settings())
    entries = store.catalogue.profile(profile) if profile else store.catalogue.models
    if json:
        _print_json([_as_json(store, entry) for entry in entries])
        return
    table = Table(expand=True)
    for heading in (
        "",
        tr("model", "模型"),
        tr("what it is", "说明"),
        tr("licence", "许可证"),
        tr("disk", "磁盘"),
        tr("memory", "内存"),
        tr("profiles", "组合"),
    ):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        table.add_row(
            "[green]✓[/]" if entry.files and store.installed(entry.id) else "·",
            entry.id,
            f"{entry.title} ({', '.join(entry.languages)})",
            entry.licence,
            _megabytes(entry.size),
            _megabytes(entry.ram_bytes),
            ", ".join(entry.profiles),
        )
    Console().print(table)


@app.command(
    help=tr(
        "Fetch a model, or all of a profile; an interrupted download is continued.\n\n"
        "Example: [bold]xy-core models pull smollm2-135m-instruct[/bold]",
        "下载一个模型或整组模型；中断后可续传。\n\n"
        "示例：[bold]xy-core models pull smollm2-135m-instruct[/bold]",
    )
)
def pull(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help=tr("Which models.", "模型 id。"))
    ] = None,
    profile: ProfileOption = None,
    json: JsonOption = False,
) -> None:
    """Install models."""
    settings = context.obj.settings()
    store = open_store(settings)
    entries = [store.catalogue.entry(model_id) for model_id in ids or ()]
    if profile or not ids:
        entries += store.catalogue.profile(profile or settings.profile)
    install = _pull if json else _pull_aloud
    for entry in entries:
        install(store, entry, offline=settings.offline)
    if json:
        _print_json([_as_json(store, entry) for entry in entries])


@app.command(
    help=tr(
        "Compare installed models with their sha256, byte for byte.\n\n"
        "Example: [bold]xy-core models verify[/bold]",
        "逐字节校验已安装的模型。\n\n示例：[bold]xy-core models verify[/bold]",
    )
)
def verify(
    context: typer.Context,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID…", help=tr("Which; all if none.", "模型 id，默认全部。")),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check models."""
    store = open_store(context.obj.settings())
    models = [store.verify(i) for i in ids or [model.entry.id for model in store.list()]]
    if json:
        _print_json([_as_json(store, model.entry) for model in models])
        return
    for model in models:
        typer.echo(f"{model.entry.id}: {tr('intact', '完好')}")


@app.command(
    help=tr(
        "Print the folder of an installed model.\n\n"
        "Example: [bold]ls $(xy-core models path whisper-base-ct2)[/bold]",
        "输出已安装模型的目录。\n\n示例：[bold]ls $(xy-core models path whisper-base-ct2)[/bold]",
    )
)
def path(context: typer.Context, model: ModelArgument, json: JsonOption = False) -> None:
    """Print a model's folder."""
    folder = open_store(context.obj.settings()).path(model)
    if json:
        _print_json({"id": model, "path": str(folder)})
    else:
        typer.echo(folder)


@app.command(
    help=tr(
        "Delete a model and what is left of its downloads.\n\n"
        "Example: [bold]xy-core models remove gemma3-270m-base[/bold]",
        "删除模型及其未完成的下载。\n\n示例：[bold]xy-core models remove gemma3-270m-base[/bold]",
    )
)
def remove(context: typer.Context, model: ModelArgument, json: JsonOption = False) -> None:
    """Delete a model."""
    removed = asyncio.run(open_store(context.obj.settings()).remove(model))
    if json:
        _print_json({"id": model, "removed": removed})
    else:
        typer.echo(
            f"{model}: "
            + (tr("removed", "已删除") if removed else tr("was not installed", "未安装"))
        )


@contextmanager
def _download_progress() -> Iterator[Progress]:
    """Show one bar for each download; yields what the store reports its progress to."""
    console = Console(stderr=True)
    bars: dict[str, TaskID] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    quiet = not console.is_terminal
    with Bars(*columns, console=console, transient=True, disable=quiet) as display:

        def report(name: str, done: int, total: int) -> None:
            if name not in bars:
                bars[name] = display.add_task(escape(name), total=total or None)
            display.update(bars[name], completed=done)

        yield report


def _as_json(store: ModelStore, entry: CatalogueEntry) -> dict[str, Any]:
    installed = store.installed(entry.id)
    return entry.model_dump(mode="json", exclude={"files"}) | {
        "size": entry.size,
        "files": [file.name for file in entry.files],
        "installed": installed,
        "path": str(store.path(entry.id)) if installed and entry.files else None,
    }


def _print_json(value: Any) -> None:  # noqa: ANN401 - anything that JSON takes
    typer.echo(json_.dumps(value, ensure_ascii=False))


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:,.0f} MB" if size else "·"
