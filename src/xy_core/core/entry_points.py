"""Which modules installed packages offer, and which of them need which."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from xy_core.core.errors import DependencyError, UnknownModuleError
from xy_core.core.module import Module

ENTRY_POINTS = "xy_core.modules"
"""The entry-point group in which packages, this one too, announce their modules."""

AnyModule = Module[Any]


def installed_modules() -> dict[str, EntryPoint]:
    """Return the modules that installed packages offer, by name, without importing them."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def with_requirements(
    names: Iterable[str], offered: Mapping[str, EntryPoint]
) -> tuple[dict[str, type[AnyModule]], dict[str, Exception]]:
    """Return the classes of modules and of what they require, and what cannot be imported.

    Raises:
        UnknownModuleError: a module is not offered.
    """
    classes: dict[str, type[AnyModule]] = {}
    broken: dict[str, Exception] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name in classes or name in broken:
            continue
        if name not in offered:
            raise UnknownModuleError(f"no module {name!r}: there are {', '.join(sorted(offered))}")
        try:
            classes[name] = offered[name].load()
        except Exception as error:  # noqa: BLE001 - another package's code may raise anything
            broken[name] = error
        else:
            wanted.extend(classes[name].requires)
    return classes, broken


class LoadingOrder:
    """Modules in the order in which they can start: ask for those that are ready until none is.

    Raises:
        DependencyError: the requirements form a circle.
    """

    def __init__(self, classes: Mapping[str, type[AnyModule]]) -> None:
        self._sorter = graphlib.TopologicalSorter(
            {name: kind.requires for name, kind in classes.items()}
        )
        try:
            self._sorter.prepare()
        except graphlib.CycleError as error:
            raise DependencyError(f"modules require each other: {error.args[1]}") from error

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Yield groups of modules that do not depend on one another."""
        while self._sorter.is_active():
            ready = self._sorter.get_ready()
            yield ready
            self._sorter.done(*ready)


def dependants(modules: Mapping[str, AnyModule], name: str) -> list[str]:
    """Return the modules that require a module, directly or not, those first that stop first."""
    found = {name}
    for other, module in modules.items():  # what a module requires stands before it
        if found.intersection(module.requires):
            found.add(other)
    return [other for other in reversed(list(modules)) if other in found and other != name]
