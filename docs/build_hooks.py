"""Pages that mkdocs makes from the program itself: commands, settings, the OpenAPI document."""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig

os.environ["XY_LANG"] = "en"  # the language of help texts is chosen when they are imported
_HOW = "*Made from the program when this site was built.*"
_CHINESE = "[\u3000-\u9fff\uff00-\uffef]"
_BETWEEN_CHINESE = re.compile(f"(?<={_CHINESE})\n *(?={_CHINESE})")
_STAR = " *"
_WHOLE = """The whole document, for generators of clients: [openapi.json](openapi.json); a running
server gives the same at `/openapi.json`."""
_REALTIME = """`/v1/realtime` is a WebSocket, which OpenAPI cannot describe: see
[Other programs](../guides/programs.md)."""
_WHERE = """In `xy-core.toml`, or `XY_SECTION__KEY=value` in the environment, or
`--set section.key=value`. Sizes are bytes, or text such as `8GiB`.
Workers of `cpu` and `process` are the cores of the machine on which this was made."""


def on_pre_build(config: MkDocsConfig) -> None:
    """Write the generated pages; git ignores them.

    They are real files, since the plug-in for languages takes no others.
    """
    document = asyncio.run(openapi())
    pages = {
        "openapi.json": json.dumps(document, ensure_ascii=False, indent=1),
        "http.md": http_page(document),
        "commands.md": commands_page(),
        "settings.md": settings_page(),
    }
    for name, content in pages.items():
        file = Path(config.docs_dir) / "reference" / name
        if not file.exists() or file.read_text("utf-8") != content:
            file.write_text(content, "utf-8")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Join lines that break between two Chinese characters: a browser would show a space there."""
    return _BETWEEN_CHINESE.sub("", markdown)


async def openapi() -> dict[str, Any]:
    """Ask the real application, over a program that was not started, for its document."""
    import httpx

    from xy_core.agent import Agent
    from xy_core.core.engine import CoreEngine
    from xy_core.core.events import EventBus
    from xy_core.core.scheduler import GlobalTaskScheduler
    from xy_core.models import ModelStore
    from xy_core.runtime import Runtime
    from xy_core.server.app import create_app
    from xy_core.settings import load_settings

    with tempfile.TemporaryDirectory() as folder:
        keys = {"server": {"keys": Path(folder) / "keys.json"}}
        settings = load_settings(overrides=keys)
        engine = CoreEngine(scheduler=GlobalTaskScheduler(), bus=EventBus(), sections={})
        runtime = Runtime(
            settings, engine, Agent(engine, settings.agent), ModelStore(settings.models.root)
        )
        transport = httpx.ASGITransport(create_app(runtime, settings.server))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            found = (await client.get("/openapi.json")).raise_for_status()
            document: dict[str, Any] = found.json()
            return document


def http_page(document: dict[str, Any]) -> str:
    """List the endpoints, and the fields of what they take and give."""
    lines = [
        "# HTTP",
        _HOW,
        _WHOLE,
        _REALTIME,
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += [f"## `{method.upper()} {path}`", operation.get("description", "")]
            lines += [_parameters(operation.get("parameters", []))]
            body = operation.get("requestBody", {}).get("content", {})
            lines += [f"Takes {_name(media['schema'])} (`{kind}`)." for kind, media in body.items()]
    lines += ["## Schemas"]
    for name, schema in document["components"]["schemas"].items():
        lines += [f"### {name}", schema.get("description", ""), _fields(schema)]
    return "\n\n".join(line for line in lines if line)


def _parameters(parameters: list[dict[str, Any]]) -> str:
    rows = [
        f"| `{one['name']}` | {one['in']} | {_name(one['schema'])} | {one.get('description', '')} |"
        for one in parameters
    ]
    return "\n".join(["| parameter | in | type | |", "|---|---|---|---|", *rows]) if rows else ""


def _fields(schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = [
        f"| `{name}`{_STAR * (name in needed)} | {_name(one)} | {one.get('description', '')} |"
        for name, one in schema.get("properties", {}).items()
    ]
    return "\n".join(["| field (* needed) | type | |", "|---|---|---|", *rows]) if rows else ""


def _name(schema: dict[str, Any]) -> str:
    """Say in a word what a schema is."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_name(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_name(schema.get('items', {}))}"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return str(schema.get("type", "anything"))


def commands_page() -> str:
    """Return the page of all commands, by typer's own writer."""
    import typer
    from typer.cli import get_docs_for_click

    from xy_core.cli.app import app

    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="xy-core")
    text = get_docs_for_click(obj=command, ctx=context, name="xy-core", title="Commands")
    text = re.sub(r"\[/?bold\]", "`", text)  # rich's markup
    return text.replace("# Commands", f"# Commands\n\n{_HOW}", 1)


def settings_page() -> str:
    """Return the page of all settings, from the typed tree itself."""
    from xy_core.settings import Settings

    schema = Settings.model_json_schema()
    lines = [
        "# Settings",
        _HOW,
        _WHERE,
    ]
    lines += _section("", schema, schema["$defs"])
    return "\n\n".join(lines).replace(str(Path.home()), "~")


def _section(name: str, schema: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """Return a table of a section, and the sections below it."""
    rows, below = [], []
    for key, one in schema.get("properties", {}).items():
        inner = _definition(one, definitions)
        if inner is not None and "properties" in inner:
            path = f"{name}.{key}".strip(".")
            own = one.get("default") if isinstance(one.get("default"), dict) else {}
            known = {
                field: about | ({"default": own[field]} if field in own else {})
                for field, about in inner["properties"].items()
            }
            below += _section(path + _brackets(one), inner | {"properties": known}, definitions)
        else:
            usual = (
                f"`{json.dumps(one['default'], ensure_ascii=False)}`" if "default" in one else ""
            )
            rows.append(f"| `{key}` | {usual} | {one.get('description', '')} |")
    table = "\n".join(["| key | default | |", "|---|---|---|", *rows])
    heading = f"## `{name}`" if name else "## At the top"
    return [heading, schema.get("description", ""), *([table] if rows else []), *below]


def _definition(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    for one in (schema, schema.get("items", {}), *schema.get("anyOf", [])):
        if "$ref" in one:
            found: dict[str, Any] = definitions[one["$ref"].rsplit("/", 1)[-1]]
            return found
    return None


def _default(schema: dict[str, Any]) -> str:
    """Return the default; files and folders have none that is the same everywhere."""
    if "default" not in schema:
        return ""
    return f"`{json.dumps(schema['default'], ensure_ascii=False)}`"


def _brackets(schema: dict[str, Any]) -> str:
    return "[]" if schema.get("type") == "array" else ""
