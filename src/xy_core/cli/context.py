"""What the shared options of the command line mean."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xy_core.core.errors import ConfigError

if TYPE_CHECKING:
    from xy_core.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """The shared options, as they were typed.

    Attributes:
        file: the configuration file.
        assignments: ``key=value`` pairs that override it.
    """

    file: Path | None = None
    assignments: tuple[str, ...] = ()

    def settings(self) -> Settings:
        """Load the configuration and set up logging.

        Raises:
            ConfigError: something of it cannot be read or does not fit.
        """
        from xy_core.core.logging import configure_logging  # noqa: PLC0415 - help stays fast
        from xy_core.settings import load_settings  # noqa: PLC0415 - help stays fast

        settings = load_settings(self.file, parse_assignments(self.assignments))
        configure_logging(settings.log)
        return settings


def parse_assignments(assignments: tuple[str, ...]) -> dict[str, Any]:
    """Turn ``a.b=1`` into ``{"a": {"b": 1}}``; values are TOML, or else plain text.

    Raises:
        ConfigError: one has no ``=``, or two contradict each other.
    """
    tree: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(f"--set {assignment!r}: write it as section.key=value")
        branch = tree
        for part in parts[:-1]:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                raise ConfigError(f"--set {assignment!r}: {part!r} was set to a value before")
        branch[parts[-1]] = _value(text.strip())
    return tree


def _value(text: str) -> Any:  # noqa: ANN401 - any TOML value
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    # Text of several lines can be a document of several keys, which is not what was meant.
    return document["value"] if len(document) == 1 else text
