"""``xy-core keys``: who may use the server."""

from __future__ import annotations

import enum
import json as json_
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from xy_core.cli.i18n import tr

if TYPE_CHECKING:
    from xy_core.server.security.keys import KeyRecord, KeyStore

keys_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help=tr("Make, list and revoke API keys of the server.", "创建、查看、吊销服务的 API 密钥。"),
)

JsonOption = Annotated[
    bool, typer.Option("--json", help=tr("Print JSON instead of text.", "输出 JSON。"))
]


class ScopeName(enum.StrEnum):
    """The scopes, as they are typed; see `xy_core.server.security.keys.Scope`."""

    INFERENCE = "inference"
    MEMORY = "memory"
    ADMIN = "admin"


@keys_app.command(
    help=tr(
        "Make a key and show it, for the only time.\n\n"
        "Example: [bold]xy-core keys add laptop --scope inference[/bold]",
        "创建密钥并显示一次。\n\n示例：[bold]xy-core keys add laptop --scope inference[/bold]",
    )
)
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help=tr("Who will use it.", "使用者。"))],
    scope: Annotated[
        list[ScopeName] | None,
        typer.Option(help=tr("What it may be used for; inference.", "用途，默认 inference。")),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a key."""
    from xy_core.server.security.keys import Scope  # noqa: PLC0415 - help stays fast

    scopes = [Scope(one.value) for one in scope or [ScopeName.INFERENCE]]
    key, record = _store(context).add(name, scopes)
    if json:
        typer.echo(json_.dumps(_as_json(record) | {"key": key}, ensure_ascii=False))
        return
    typer.echo(key)
    note = tr("keep it now: it is not shown again", "请立即保存：不会再次显示")
    typer.echo(note, err=True)


@keys_app.command(
    "list",
    help=tr(
        "Show the keys, without their secrets.\n\nExample: [bold]xy-core keys list[/bold]",
        "查看密钥（不含内容）。\n\n示例：[bold]xy-core keys list[/bold]",
    ),
)
def list_keys(context: typer.Context, json: JsonOption = False) -> None:
    """Print the records."""
    records = _store(context).records()
    if json:
        typer.echo(json_.dumps([_as_json(one) for one in records], ensure_ascii=False))
        return
    if not records:
        typer.echo(tr("no keys", "没有密钥"))
        return
    table = Table()
    for heading in ("id", tr("name", "名称"), tr("scopes", "权限"), tr("made", "创建时间")):
        table.add_column(heading)
    for one in records:
        made = datetime.fromtimestamp(one.created_at, UTC).isoformat(timespec="seconds")
        table.add_row(one.id, one.name, ", ".join(one.scopes), made)
    Console().print(table)


@keys_app.command(
    help=tr(
        "Delete a key; a running server refuses it at once.\n\n"
        "Example: [bold]xy-core keys revoke 1a2b3c4d5e6f[/bold]",
        "吊销密钥，立即生效。\n\n示例：[bold]xy-core keys revoke 1a2b3c4d5e6f[/bold]",
    )
)
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help=tr("Its id.", "密钥编号。"))],
) -> None:
    """Delete a key."""
    gone = _store(context).revoke(key_id)
    typer.echo(f"{tr('revoked', '已吊销')} {gone.id} ({gone.name})")


def _store(context: typer.Context) -> KeyStore:
    from xy_core.server.security.keys import KeyStore  # noqa: PLC0415 - help stays fast

    return KeyStore(context.obj.settings().server.keys)


def _as_json(record: KeyRecord) -> dict[str, object]:
    return record.model_dump(mode="json", exclude={"salt", "digest"})
