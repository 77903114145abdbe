"""Every block of code in README and docs is run, loaded, or held against the real program."""

from __future__ import annotations

import ast
import importlib
import json
import re
import runpy
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tests.docs.pages import ROOT, Block, blocks
from xy_core.cli.app import app
from xy_core.core.config import StrictModel
from xy_core.models.catalogue import bundled_catalogue
from xy_core.modules.voice.references import Reference
from xy_core.settings import load_settings

ADDRESS = "http://127.0.0.1:8765"
"""Where the documentation's server is; replaced by where the tests' server is."""
BLOCKS = blocks()
LANGUAGES = {"python", "toml", "sh", "yaml", "json", "mermaid", "text"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
OTHER_PROGRAMS = {
    "cd",
    "copier",
    "docker",
    "git",
    "helm",
    "install",
    "kubectl",
    "python",
    "python3",
    "ray",
    "systemctl",
    "useradd",
}
"""Programs of others whose options are not held against anything."""
CHEAP = {
    ("config", "show"),
    ("doctor",),
    ("emotion",),
    ("memory", "list"),
    ("models", "list"),
    ("mood", "timeline"),
    ("tasks", "list"),
}
"""Commands that are run as well as parsed, beside calls of the server."""


def named(language: str, *, runs: bool = True) -> list[Any]:
    found = [block for block in BLOCKS if block.language == language and block.runs is runs]
    return [pytest.param(block, id=str(block)) for block in found]


def test_every_block_names_a_language_that_is_checked_here():
    assert {str(block): block.language for block in BLOCKS if block.language not in LANGUAGES} == {}


def test_there_is_something_to_check():
    assert len(named("python")) >= 15
    assert len(named("toml")) >= 15
    assert len(commands()) >= 40


# -- Python -------------------------------------------------------------------------------------


@pytest.mark.models
@pytest.mark.parametrize("block", named("python"))
def test_python_runs(block: Block, place: Path, request: pytest.FixtureRequest, capsys):
    source = block.source
    if ADDRESS in source:
        source = source.replace(ADDRESS, request.getfixturevalue("server"))
    program = place / "block.py"
    program.write_text(source, "utf-8")
    runpy.run_path(str(program), run_name="__main__")
    assert capsys.readouterr().out.strip(), "a block shows what it does"


@pytest.mark.parametrize("block", named("python", runs=False))
def test_python_that_is_not_run_compiles_and_its_names_exist(block: Block):
    for node in ast.walk(ast.parse(block.source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("xy_core"):
            module = importlib.import_module(node.module or "")
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


# -- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [*named("toml"), *named("toml", runs=False)])
def test_toml_is_what_its_first_line_says(block: Block, tmp_path: Path):
    file = tmp_path / "block.toml"
    file.write_text(block.source, "utf-8")
    match block.file:
        case "voices.toml":
            for table in tomllib.loads(block.source).values():
                Reference.model_validate(table)
        case "catalogue.toml":
            bundled_catalogue().extended(file)
        case "pyproject.toml":
            assert "xy_core.modules" in tomllib.loads(block.source)["project"]["entry-points"]
        case _:
            assert isinstance(load_settings(file).agent, StrictModel)


@pytest.mark.parametrize("block", [*named("yaml"), *named("json")])
def test_data_is_well_formed(block: Block):
    assert json.loads(block.source) if block.language == "json" else yaml.safe_load(block.source)


# -- commands -----------------------------------------------------------------------------------


def commands(*, runs: bool | None = None) -> list[Any]:
    """Return the single commands of all blocks of shell."""
    found: dict[str, Any] = {}
    for block in BLOCKS:
        if block.language == "sh" and runs in {None, block.runs}:
            for words in _split(block.source):
                text = shlex.join(words)
                found.setdefault(text, pytest.param(words, id=f"{block}: {text}"[:90]))
    return list(found.values())


def _split(source: str) -> Iterator[list[str]]:
    """Yield the words of each command of a script without control flow."""
    for line in source.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&;|")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word in {"&&", ";", "|"}:
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words


def parse(words: list[str]) -> tuple[str, ...]:
    """Let the real program parse a command, without running it; returns its subcommands."""
    command = typer.main.get_command(app)
    context = command.make_context("xy-core", list(words), resilient_parsing=False)
    path: list[str] = []
    while isinstance(command, typer.core.TyperGroup):
        left = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, left)
        assert found is not None
        assert name is not None
        path.append(name)
        command = found
        context = command.make_context(name, rest, parent=context)
    return tuple(path)


def check(words: list[str]) -> None:
    """Check one command, whoever's it is."""
    match words:
        case ["sudo", "-u", _, *rest]:
            check(rest)
        case [first, *rest] if re.fullmatch(r"[A-Z_]+=\S*", first):
            check(rest)
        case ["docker", "run", *rest] if ("xy-core", "xy-core") in pairwise(rest):
            check(rest[len(rest) - rest[::-1].index("xy-core") - 1 :])
        case [program, *rest] if Path(program).name == "xy-core":
            parse(_without_options_that_end(rest))
        case [program, "install", *rest] if Path(program).name == "pip":
            for extra in _extras(rest):
                assert extra in PROJECT["project"]["optional-dependencies"]
        case ["make", *rest]:
            assert [word for word in rest if "=" not in word and word not in TARGETS] == []
        case ["curl", *rest]:
            assert any(word.startswith(ADDRESS) for word in rest)
        case [program, *_]:
            assert program in OTHER_PROGRAMS


def _without_options_that_end(words: list[str]) -> list[str]:
    """Replace options that print something and exit while they are parsed."""
    ending = {"--install-completion", "--show-completion"}
    return ["doctor"] if set(words) & ending else words


def _extras(words: list[str]) -> list[str]:
    found = (re.fullmatch(r"(?:xy-core|\.)\[([\w,-]+)\]", word) for word in words)
    return [extra for one in found if one for extra in one[1].split(",")]


def cheap_commands(program: str) -> list[Any]:
    """Return a program's commands that end in seconds and change nothing of the user's."""
    return [
        param
        for param in commands(runs=True)
        if (words := param.values[0])[0] == program
        and (program == "curl" or parse(words[1:]) in CHEAP)
    ]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("words", commands())
def test_a_command_exists_with_these_options(words: list[str]):
    check(words)


@pytest.mark.parametrize(
    "wrong",
    [
        ["xy-core", "chta"],
        ["xy-core", "ask", "--txt", "hello"],
        ["xy-core", "serve", "--port", "many"],
        ["xy-core", "memory", "search"],
        ["make", "coffee"],
        ["pip", "install", "xy-core[everything]"],
        ["rm", "-rf", "/"],
    ],
)
def test_a_wrong_command_is_noticed(wrong: list[str]):
    with pytest.raises((AssertionError, typer.exceptions.TyperException)):
        check(wrong)


@pytest.mark.models
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("words", cheap_commands("xy-core"))
def test_a_cheap_command_runs(words: list[str], capsys):
    typer.main.get_command(app).main(words[1:], standalone_mode=False)
    assert capsys.readouterr().out


@pytest.mark.models
@pytest.mark.parametrize("words", cheap_commands("curl"))
def test_a_call_of_the_server_is_answered(words: list[str], server: str, tmp_path: Path):
    asked = [word.replace(ADDRESS, server) for word in words[1:]]
    strict = ["--fail", "--silent", "--show-error", "--max-time", "60"]
    done = subprocess.run(
        ["curl", *strict, *asked], capture_output=True, check=False, timeout=100, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout or list(tmp_path.iterdir())
