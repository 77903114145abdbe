"""API keys: shown once, kept as salted hashes, checked in constant time.

A key is 256 random bits, which nobody can guess from a hash; so one HMAC-SHA-256 with a salt of
its own is as good as a slow function that is made for passwords, and costs a request nothing.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

import filelock
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from xy_core.core.errors import ConfigError, InputError
from xy_core.core.files import atomic_path

_PREFIX = "xy"
_LOCK_SECONDS = 5.0


class Scope(enum.StrEnum):
    """What a key may be used for."""

    INFERENCE = "inference"
    """Models and turns of the agent."""
    MEMORY = "memory"
    """Reading and changing what is remembered of people."""
    ADMIN = "admin"
    """Tasks, events and figures of the program."""


class KeyRecord(BaseModel):
    """One key as it is kept: not the key itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: float
    salt: str
    digest: str


_Records = TypeAdapter(tuple[KeyRecord, ...])


class KeyStore:
    """A file of keys; changes of it by other programs are seen at the next look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: dict[str, KeyRecord] = {}
        self._seen: tuple[int, int] | None = None

    def add(self, name: str, scopes: Iterable[Scope]) -> tuple[str, KeyRecord]:
        """Make a key and return it, for the only time, with its record.

        Raises:
            InputError: the name is blank, or there are no scopes.
            ConfigError: the file is damaged or cannot be written.
        """
        allowed = tuple(sorted(set(scopes)))
        if not name.strip() or not allowed:
            raise InputError("a key needs a name and at least one scope")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        salt = secrets.token_hex(16)
        digest = _digest(salt, secret)
        record = KeyRecord(
            id=key_id,
            name=name.strip(),
            scopes=allowed,
            created_at=time.time(),
            salt=salt,
            digest=digest,
        )
        with self._locked():
            self._write([*self.records(), record])
        return f"{_PREFIX}-{key_id}-{secret}", record

    def revoke(self, key_id: str) -> KeyRecord:
        """Delete a key; a running server refuses it from then on.

        Raises:
            InputError: there is no such key.
            ConfigError: the file is damaged or cannot be written.
        """
        with self._locked():
            records = {record.id: record for record in self.records()}
            if key_id not in records:
                raise InputError(f"no key {key_id!r}: see  xy-core keys list")
            gone = records.pop(key_id)
            self._write(records.values())
        return gone

    def records(self) -> tuple[KeyRecord, ...]:
        """Return all keys, oldest first.

        Raises:
            ConfigError: the file is damaged or cannot be read.
        """
        self._refresh()
        return tuple(self._records.values())

    def find(self, key: str) -> KeyRecord | None:
        """Return the record of a key that somebody presents, if it is one of ours.

        Raises:
            ConfigError: the file is damaged or cannot be read.
        """
        self._refresh()
        prefix, _, rest = key.partition("-")
        key_id, _, secret = rest.partition("-")
        record = self._records.get(key_id)
        salt, expected = (record.salt, record.digest) if record else ("", _digest("", ""))
        same = hmac.compare_digest(_digest(salt, secret), expected)
        return record if same and prefix == _PREFIX else None

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._records, self._seen = {}, None
            return
        except OSError as error:
            raise ConfigError(f"the key file {self.path} cannot be read: {error}") from error
        seen = (status.st_mtime_ns, status.st_ino)
        if seen == self._seen:
            return
        try:
            records = _Records.validate_json(self.path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ConfigError(
                f"the key file {self.path} is damaged: restore it, or delete it and make new keys"
            ) from error
        self._records, self._seen = {record.id: record for record in records}, seen

    def _locked(self) -> filelock.BaseFileLock:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(f"the folder of {self.path} cannot be made: {error}") from error
        return filelock.FileLock(f"{self.path}.lock", timeout=_LOCK_SECONDS, mode=0o600)

    def _write(self, records: Iterable[KeyRecord]) -> None:
        with atomic_path(self.path, 0o600) as part:
            part.write_bytes(_Records.dump_json(tuple(records), indent=1))


def _digest(salt: str, secret: str) -> str:
    return hmac.new(salt.encode(), secret.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
