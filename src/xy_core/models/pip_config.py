"""What pip is told about the network, so that its mirrors and certificates serve here too."""

from __future__ import annotations

import configparser
import os
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

_PYPI = "https://pypi.org/simple"


@dataclass(frozen=True, slots=True)
class PipConfig:
    """The part of pip's configuration that concerns downloads.

    Attributes:
        indexes: addresses of simple indexes, the most wanted first.
        certificates: a file of certificate authorities, if one is set.
        proxy: the proxy's address, if one is set.
    """

    indexes: tuple[str, ...]
    certificates: str | None
    proxy: str | None

    @classmethod
    def load(cls) -> PipConfig:
        """Read ``PIP_…`` from the environment, else pip's configuration files."""
        main = _option("index-url") or _PYPI
        others = (_option("extra-index-url") or "").split()
        # pip may look into folders too; those are for packages, never for model files.
        web = [url for url in (main, *others) if url.startswith(("http://", "https://"))]
        return cls(tuple(web), _option("cert"), _option("proxy"))

    def ssl_context(self) -> ssl.SSLContext | bool:
        """Return how to trust servers: pip's certificates, else httpx's own."""
        if self.certificates and Path(self.certificates).is_file():
            return ssl.create_default_context(cafile=self.certificates)
        return True


def _option(name: str) -> str | None:
    value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    return value or next(_in_files(name), None)


def _in_files(name: str) -> Iterator[str]:
    """Yield an option's values, the strongest first, in the order of ``pip config debug``."""
    for path in _files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, "utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for section in ("install", "download", "global"):
            if value := parser.get(section, name, fallback=""):
                yield value


def _files() -> Iterator[Path]:
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    if named:
        yield Path(named)
    yield Path(sys.prefix) / name
    yield platformdirs.user_config_path("pip", appauthor=False, roaming=True) / name
    yield Path.home() / ("pip" if sys.platform == "win32" else ".pip") / name
    yield platformdirs.site_config_path("pip", appauthor=False) / name
    yield Path("/etc") / name
