"""The installed command: help in two languages, exit codes, one line for each mistake."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.conftest import SCRIPT, Program, only_line
from xy_core import __version__


def test_the_version_is_all_that_is_printed(xy_core: Program):
    done = xy_core("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("arguments", [(), ("config",), ("models",), ("bench",)])
def test_a_bare_group_shows_its_help_and_nothing_else(xy_core: Program, arguments):
    done = xy_core(*arguments)
    assert "Usage: xy-core" in done.stdout
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.parametrize("form", [("--lang", "zh"), ("--lang=zh",)])
def test_help_is_in_the_language_that_is_asked_for(xy_core: Program, form):
    assert "本地优先" in xy_core(*form, "--help").stdout
    assert "示例" in xy_core(*form, "ask", "-h").stdout


def test_help_is_in_the_language_of_the_locale(xy_core: Program):
    assert "本地优先" in xy_core("--help", XY_LANG="", LANG="zh_CN.UTF-8").stdout
    assert "local-first" in xy_core("--lang", "en", "--help", LANG="zh_CN.UTF-8").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nonsense",), "nonsense"),
        (("ask", "--text"), "--text"),
        (("--config", "missing.toml", "config", "show"), "missing.toml does not exist"),
        (("--set", "llm.slots", "config", "show"), "section.key=value"),
        (("--set", "llm.colour=red", "config", "show"), "'llm.colour'"),
        (("--lang", "fr", "config", "show"), "'lang'"),
        (("ask",), "nothing was given"),
        (("ask", "--text", "\udcff"), "not Unicode"),
        (("--set", 'modules=["nonsense"]', "ask", "--text", "x"), "nonsense"),
    ],
    ids=str,
)
def test_a_mistake_ends_with_2_and_one_line(xy_core: Program, arguments, words):
    line = only_line(xy_core(*arguments))
    assert line.startswith("error: ")
    assert words in line


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("XY_LLM__SLOTS", "many", "'llm.slots'"),
        ("XY_CONFIG", "missing.toml", "missing.toml does not exist"),
    ],
)
def test_a_bad_variable_ends_with_2_and_one_line(xy_core: Program, variable, value, words):
    assert words in only_line(xy_core("config", "show", **{variable: value}))


@pytest.mark.parametrize("command", ["config schema", "--help"])
def test_a_reader_that_leaves_early_ends_it_quietly(environment, command):
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{SCRIPT}" {command} | head -c 1 >/dev/null'],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.returncode in {0, 141}


@pytest.mark.parametrize("command", [("config", "schema"), ("--help",), ("doctor",)], ids=" ".join)
def test_a_reader_that_is_gone_before_ends_it_with_141(environment, command):
    with subprocess.Popen(
        [SCRIPT, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
