"""A model store whose only model is a folder that a test made."""

from __future__ import annotations

import asyncio
from pathlib import Path

import tomli_w

from xy_core.models import ModelStore


def tiny_store(root: Path, model_id: str, kind: str, folder: Path) -> ModelStore:
    """Install the files of a folder as a model, as a catalogue file of one's own would."""
    files = [
        {
            "name": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "sources": [{"type": "path", "path": str(folder)}],
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    entry = {"id": model_id, "kind": kind, "title": model_id, "licence": "MIT", "files": files}
    root.mkdir(parents=True, exist_ok=True)
    catalogue = root / "catalogue.toml"
    catalogue.write_text(tomli_w.dumps({"models": [entry]}), "utf-8")
    store = ModelStore(root / "models", catalogue)
    asyncio.run(store.pull(model_id))
    return store
