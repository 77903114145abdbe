"""Everything public has a docstring; ruff's rules (D) hold it against its arguments.

interrogate counts methods that override a described one, and functions inside functions, as
missing, so the count is made here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT

Described = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
NEED_NONE = {"override", "overload"}
"""A method with such a decorator is described by its base class, or by its implementation."""


def public_api() -> Iterator[tuple[str, Described]]:
    """Yield every module, class, function and method that others may use, with where it stands."""
    for file in sorted((ROOT / "src/xy_core").rglob("*.py")):
        yield from _public(ast.parse(file.read_text("utf-8")), file)


def _public(node: Described, file: Path) -> Iterator[tuple[str, Described]]:
    yield f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {getattr(one, "id", "") for one in inner.decorator_list}
            if not inner.name.startswith("_") and not decorators & NEED_NONE:
                yield from _public(inner, file)


def test_everything_public_is_described(record_property):
    found = list(public_api())
    missing = [place for place, node in found if not ast.get_docstring(node)]
    record_property("docstring_coverage", 1 - len(missing) / len(found))
    record_property("public_names", len(found))
    assert missing == []
    assert len(found) > 2_000
