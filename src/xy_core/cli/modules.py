"""``xy-core modules``: which modules are installed, from which package, and which are loaded."""

from __future__ import annotations

import json as json_
from dataclasses import asdict, dataclass

import typer
from rich.console import Console
from rich.table import Table

from xy_core.cli.i18n import tr
from xy_core.core.entry_points import installed_modules
from xy_core.settings import Settings


@dataclass(frozen=True, slots=True)
class InstalledModule:
    """What an installed package says of one of its modules.

    Attributes:
        name: as the configuration calls it.
        package: the distribution that it comes with, and its version.
        enabled: whether the settings name it; it is loaded when the program starts.
        requires: modules that are loaded with it.
        summary: the first line of its documentation.
        problem: why it cannot be imported; empty if it can.
    """

    name: str
    package: str
    enabled: bool
    requires: tuple[str, ...] = ()
    summary: str = ""
    problem: str = ""


def show_modules(settings: Settings, *, as_json: bool) -> None:
    """Print the installed modules as a table, or as JSON."""
    found = _installed(settings)
    if as_json:
        rows = [asdict(module) for module in found]
        typer.echo(json_.dumps({"modules": rows}, ensure_ascii=False))
        return
    table = Table(
        *(tr("module", "模块"), tr("package", "软件包"), tr("loaded", "加载"), tr("needs", "依赖")),
        tr("what it does", "用途"),
    )
    for module in found:
        table.add_row(
            module.name,
            module.package,
            tr("yes", "是") if module.enabled else "",
            ", ".join(module.requires),
            module.problem or module.summary,
            style="red" if module.problem else "",
        )
    Console().print(table)


def _installed(settings: Settings) -> list[InstalledModule]:
    found = []
    for name, point in sorted(installed_modules().items()):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "?"
        enabled = name in settings.modules
        try:
            kind = point.load()
        except Exception as error:  # noqa: BLE001 - another package's code may raise anything
            found.append(InstalledModule(name, package, enabled, problem=repr(error)))
        else:
            summary = (kind.__doc__ or "").strip().partition("\n")[0]
            found.append(InstalledModule(name, package, enabled, tuple(kind.requires), summary))
    return found
