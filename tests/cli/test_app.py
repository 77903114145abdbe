"""The commands: each is there, says what it does, and shows how, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from xy_core.cli.app import app

TREE = typer.main.get_command(app)


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command that does something, with its path."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, child in command.commands.items():
        yield from leaves(child, (*path, name))


COMMANDS = dict(leaves(TREE))


def test_the_commands_are_those_that_are_promised():
    assert {"chat", "ask", "demo", "doctor", "models", "config", "bench", "emotion", "eval"} <= set(
        TREE.commands
    )


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_shows_an_example(path):
    help_ = COMMANDS[path].help
    example = help_.partition("[bold]")[2].partition("[/bold]")[0]
    assert f"xy-core {' '.join(path)}" in example
    assert "Example:" in help_ or "示例：" in help_


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_is_explained(path):
    for parameter in COMMANDS[path].params:
        if parameter.param_type_name == "option":
            assert parameter.help, f"{' '.join(path)} {parameter.name}"
