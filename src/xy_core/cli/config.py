"""``xy-core config``: what the configuration is, and what it may be."""

from __future__ import annotations

import json as json_
from typing import Annotated

import tomli_w
import typer

from xy_core.cli.i18n import tr

config_app = typer.Typer(
    no_args_is_help=True, help=tr("Show the configuration.", "查看配置。"), rich_markup_mode="rich"
)


@config_app.command(
    help=tr(
        "Print the configuration in force, as TOML that can be saved and changed.\n\n"
        "Example: [bold]xy-core config show > xy-core.toml[/bold]",
        "输出当前生效的配置（TOML，可保存修改）。\n\n"
        "示例：[bold]xy-core config show > xy-core.toml[/bold]",
    )
)
def show(
    context: typer.Context,
    json: Annotated[
        bool, typer.Option("--json", help=tr("Print JSON instead of TOML.", "输出 JSON。"))
    ] = False,
) -> None:
    """Print the configuration."""
    values = context.obj.settings().model_dump(mode="json", exclude_none=not json)
    typer.echo(json_.dumps(values, ensure_ascii=False, indent=2) if json else tomli_w.dumps(values))


@config_app.command(
    help=tr(
        "Print the JSON schema of the configuration: every key, its type and default.\n\n"
        "Example: [bold]xy-core config schema[/bold]",
        "输出配置的 JSON Schema：所有键、类型与默认值。\n\n"
        "示例：[bold]xy-core config schema[/bold]",
    )
)
def schema() -> None:
    """Print the schema."""
    from xy_core.settings import Settings  # noqa: PLC0415 - help stays fast

    typer.echo(json_.dumps(Settings.model_json_schema(), ensure_ascii=False, indent=2))
