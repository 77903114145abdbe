"""The record of a soak, line by line as it goes, so that a cut loses nothing."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, astuple
from pathlib import Path
from typing import IO, Any, Self

from xy_core.bench.experiments.soak import Soak
from xy_core.bench.experiments.vitals import Vitals
from xy_core.core.errors import ConfigError, InputError

_MOST_BYTES = 256 << 20
_COUNTS = ("turns", "faults", "errors")
_WORDS = ("said", "lost")


class SoakRecord:
    """Writes one line for the environment, then one for each look; without a path, nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w", encoding="utf-8")
            except OSError as error:
                raise InputError(f"cannot write {self._path}: {error.strerror}") from error
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def begin(self, soak: Soak) -> None:
        """Write what is known before the first look."""
        self._write({"soak": 1, "environment": dict(soak.environment)})

    def add(self, soak: Soak, look: Vitals) -> None:
        """Write a look, and the counts at that moment."""
        counts = {name: getattr(soak, name) for name in (*_COUNTS, *_WORDS)}
        self._write(asdict(look) | {name: value for name, value in counts.items() if value})

    def _write(self, value: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(value, ensure_ascii=False) + "\n")
            self._file.flush()


def read_soak(path: Path) -> Soak:
    """Read a record; a last line that was cut off is left out.

    Raises:
        ConfigError: the file is no such record.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} is over {_MOST_BYTES >> 20} MiB: it is no record of a soak")
        head, *lines = path.read_text("utf-8").split("\n")
        soak = Soak(environment=_environment(json.loads(head)))
        for line in lines[:-1]:  # after the last whole line comes nothing, or a part of one
            _take(soak, json.loads(line))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{path} is no record of `bench soak --out` (its .jsonl): {error!r}"
        ) from error
    return soak


def _environment(head: dict[str, Any]) -> dict[str, str | int]:
    if head["soak"] != 1:
        raise ValueError("of another version")
    return {str(key): value for key, value in head["environment"].items()}


def _take(soak: Soak, row: dict[str, Any]) -> None:
    look = Vitals(**{name: float(row[name]) for name in Vitals.__slots__})
    if not all(map(math.isfinite, astuple(look))) or look.seconds < soak.samples.seconds:
        raise ValueError(f"a look that cannot be: {row}"[:200])
    soak.samples.append(look)
    for name in _COUNTS:
        counts = {str(kind): int(count) for kind, count in row.get(name, {}).items()}
        setattr(soak, name, Counter(counts))
    soak.said = {str(kind): str(words) for kind, words in row.get("said", {}).items()}
    soak.lost = [[str(words) for words in one] for one in row.get("lost", [])]
