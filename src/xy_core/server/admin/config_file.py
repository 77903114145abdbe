"""Changes single keys of the configuration file and leaves the rest of it, comments too, alone."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from xy_core.core.errors import ConfigError, InputError
from xy_core.core.files import atomic_path
from xy_core.settings import FILE_NAME, Settings, load_settings

_WRITING = threading.Lock()
_PRIVATE = 0o600
"""The file may hold keys of other servers."""


def file_of(settings: Settings) -> Path:
    """Return the file that was read, or the one that will be from now on."""
    return settings.file or platformdirs.user_config_path("xy-core") / FILE_NAME


def save_changes(path: Path, changes: Mapping[str, Any]) -> Settings:
    """Write changes, if the configuration is valid with them; blocks.

    Args:
        path: the TOML file; made if need be.
        changes: values by dotted key; None takes the key out, so that its default holds.

    Returns:
        What the file means now.

    Raises:
        InputError: a value does not fit, or the file cannot be written; it is as it was then.
    """
    with _WRITING:
        document = _read(path)
        try:
            for key, value in changes.items():
                _put(document, key.split("."), value)
            with atomic_path(path, _PRIVATE) as part:
                part.write_text(tomlkit.dumps(document), "utf-8")
                return load_settings(part)
        except ConfigError as error:
            raise InputError(str(error).replace(str(part), path.name)) from None
        except (TOMLKitError, UnicodeEncodeError) as error:
            raise InputError("a value is none that TOML can hold") from error


def _read(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise InputError(f"{path.name} cannot be read: correct it by hand first") from error


def _put(document: tomlkit.TOMLDocument, parts: list[str], value: Any) -> None:  # noqa: ANN401
    branch: Container | Table = document
    for part in parts[:-1]:
        if part not in branch:
            if value is None:
                return
            branch[part] = tomlkit.table()
        found = branch[part]
        if not isinstance(found, Table):
            raise InputError(f"{'.'.join(parts)}: the file has something else than a section there")
        branch = found
    if value is None:
        branch.pop(parts[-1], None)
    else:
        branch[parts[-1]] = value
