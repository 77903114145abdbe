"""``/v1/config``: the settings, for the page's form; secrets never leave the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr

from xy_core.core.errors import InputError
from xy_core.server.admin.config_file import file_of, save_changes
from xy_core.server.dependencies import RuntimeOf
from xy_core.server.json_body import JsonRoute
from xy_core.settings import Settings

router = APIRouter(prefix="/v1/config", tags=["admin"], route_class=JsonRoute)

_HIDDEN = ("plugins",)
"""Sections of other packages: which of their values are secret, nobody has said."""

Key = Annotated[str, Field(max_length=200, pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$")]


class Configuration(BaseModel):
    """What is in force, and what may be.

    Attributes:
        json_schema: every key with its type, bounds, default and description.
        values: those in force; null where there is a secret.
        secrets: dotted keys of secrets that are set.
        file: where changes are written.
    """

    json_schema: dict[str, Any]
    values: dict[str, Any]
    secrets: list[str]
    file: str


class Changes(BaseModel):
    """Values by dotted key (``llm.temperature``); null goes back to the default."""

    changes: dict[Key, Any] = Field(min_length=1, max_length=500)


class Saved(BaseModel):
    """The values of the file as it is now; they hold from the next start on."""

    values: dict[str, Any]
    file: str


@router.get("", response_model=Configuration)
async def show_config(runtime: RuntimeOf) -> object:
    """Return the settings in force with their schema."""
    schema = Settings.model_json_schema()
    for name in _HIDDEN:
        schema["properties"].pop(name, None)
    return {
        "json_schema": schema,
        "values": _shown(runtime.settings),
        "secrets": list(_secrets(runtime.settings.model_dump())),
        "file": str(file_of(runtime.settings)),
    }


@router.patch("", response_model=Saved)
async def change_config(body: Changes, runtime: RuntimeOf) -> object:
    """Write changes to the configuration file, if it is valid with them."""
    for key in body.changes:
        if key.split(".")[0] in _HIDDEN:
            raise InputError(f"{key}: change this one in the file itself")
    path = file_of(runtime.settings)
    saved = await asyncio.to_thread(save_changes, path, body.changes)
    return {"values": _shown(saved), "file": str(path)}


def _shown(settings: Settings) -> dict[str, Any]:
    plain = settings.model_dump(mode="json", exclude=set(_HIDDEN))
    secret = set(_secrets(settings.model_dump()))
    shown: dict[str, Any] = _without(plain, secret)
    return shown


def _secrets(values: object, place: str = "") -> Iterator[str]:
    """Yield the dotted keys of secrets, those within lists too."""
    match values:
        case SecretStr():
            if values.get_secret_value():
                yield place
        case Mapping():
            for name, value in values.items():
                yield from _secrets(value, f"{place}.{name}" if place else str(name))
        case list() | tuple():
            for number, value in enumerate(values):
                yield from _secrets(value, f"{place}.{number}")
        case _:
            pass


def _without(values: Any, secret: set[str], place: str = "") -> Any:  # noqa: ANN401 - JSON
    if place in secret:
        return None
    start = f"{place}." if place else ""
    if isinstance(values, dict):
        return {name: _without(value, secret, f"{start}{name}") for name, value in values.items()}
    if isinstance(values, list):
        return [_without(value, secret, f"{start}{n}") for n, value in enumerate(values)]
    return values
