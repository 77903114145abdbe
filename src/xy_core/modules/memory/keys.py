"""Where the key of an encrypted memory file comes from."""

from __future__ import annotations

import importlib
from typing import Any

from xy_core.core.errors import ConfigError
from xy_core.modules.memory.config import MemoryConfig

_SERVICE, _NAME = "xy-core", "memory"


def find_key(config: MemoryConfig) -> str:
    """Return the key: of the settings (so of the environment), the key file, or the keyring.

    Raises:
        ConfigError: there is none, or the key file cannot be read.
    """
    if config.key is not None:
        return config.key.get_secret_value()
    if config.key_file is not None:
        try:
            return config.key_file.read_text("utf-8").splitlines()[0]
        except (OSError, UnicodeDecodeError, IndexError) as error:
            raise ConfigError(
                f"key file {config.key_file} cannot be read ({error}): write the key into its "
                "first line, or set memory.key_file to another one"
            ) from error
    stored = _keyring_password()
    if stored:
        return stored
    raise ConfigError(
        "the memory file is to be encrypted and no key is given: set XY_MEMORY__KEY, or "
        f"memory.key_file, or run  keyring set {_SERVICE} {_NAME}"
    )


def _keyring_password() -> str | None:
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError:
        return None
    try:
        password: str | None = keyring.get_password(_SERVICE, _NAME)
    except keyring.errors.KeyringError:
        return None  # no keyring runs on this machine
    return password
