"""The OpenAPI document holds: whatever it lets clients send, the server answers as it says."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.modules.image.conftest import MODEL, SIDE, save_tiny_sd
from tests.modules.tiny_store import tiny_store
from xy_core.settings import load_settings

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_LEFT_OUT = (
    "/v1/events",  # never ends
    "/v1/runtime/live",  # the same
    "/v1/catalogue/{model}",  # deletes models, which the next request needs
    "/v1/catalogue/{model}/pull",  # fetches them from the network
)
_MODELS = {
    "ChatRequest": ["smollm2-135m-instruct", "gemma3-270m-base"],
    "ResponsesRequest": ["smollm2-135m-instruct"],
    "EmbeddingRequest": ["multilingual-e5-small"],
    "SpeechRequest": ["piper-en-joe"],
    "Generation": [MODEL, "xy-agent"],
    "Edit": [MODEL],
}
"""What requests name instead of just anything, so that they get beyond a 404."""
_SCHEMATHESIS = shutil.which("schemathesis", path=str(Path(sys.executable).parent))


@pytest.fixture(scope="module")
def settings(model_store, tmp_path_factory):
    """All modules, so that every endpoint does its work: the painter's weights are tiny."""
    folder = tmp_path_factory.mktemp("server")
    tiny_store(folder, MODEL, "image", save_tiny_sd(folder / "made"))
    for installed in model_store.root.glob("[!.]*"):
        (folder / "models" / installed.name).symlink_to(installed)
    painter = {"model": MODEL, "width": SIDE, "height": SIDE, "steps": 1, "safety_check": False}
    limits = {"max_pixels": 128 * 128, "max_steps": 4, "max_count": 2}
    return load_settings(
        overrides={
            "modules": ["emotion", "image", "llm", "memory", "vision", "voice"],
            "image": painter | limits,
            "llm": {"max_tokens": 8},
            "memory": {"path": folder / "memory.db", "embedding": "multilingual-e5-small"},
            "models": {"root": folder / "models", "catalogue": folder / "catalogue.toml"},
            "server": {"port": 0, "keys": folder / "keys.json"},
        }
    )


async def named(http, address, folder):
    """Write the document down with models that are there; returns its file and what it has."""
    document = (await http.get(f"{address}/openapi.json")).json()
    for name, models in _MODELS.items():
        fields = document["components"]["schemas"][name]["properties"]
        fields["model"] = {"type": "string", "enum": models}
    path = folder / "openapi.json"
    path.write_text(json.dumps(document), "utf-8")
    return path, document


async def fuzz(address, document, *options, seconds):
    """Run schemathesis in a process of its own; returns its status and what it says."""
    left_out = [word for path in _LEFT_OUT for word in ("--exclude-path", path)]
    process = await asyncio.create_subprocess_exec(
        _SCHEMATHESIS,
        "run",
        str(document),
        f"--url={address}",
        "--no-color",
        f"--checks={','.join(_CHECKS)}",
        "--generation-database=none",
        "--request-timeout=60",
        *left_out,
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()[-6_000:]


async def test_the_document_holds(serve, http, tmp_path):
    async with serve(limits={"per_minute": 1_000_000}) as address:
        path, _ = await named(http, address, tmp_path)
        status, said = await fuzz(
            address,
            path,
            "--phases=fuzzing",
            "--max-examples=5",
            "--max-time=15",
            "--no-shrink",
            "--workers=1",
            seconds=110,
        )
        assert status == 0, said
        assert (await http.get(f"{address}/healthz")).status_code == 200


@pytest.mark.slow
@pytest.mark.timeout(7_200)
async def test_the_document_holds_in_many_cases(serve, http, tmp_path):
    """Run with  make fuzz-api ; CASES says how many, over all endpoints."""
    cases = int(os.environ.get("CASES", "20000"))
    async with serve(limits={"per_minute": 1_000_000}) as address:
        path, document = await named(http, address, tmp_path)
        kept = [path for path in document["paths"] if path not in _LEFT_OUT]
        operations = sum(len(document["paths"][path]) for path in kept)
        status, said = await fuzz(
            address,
            path,
            "--phases=coverage,fuzzing",
            f"--max-examples={-(-cases // operations)}",
            "--continue-on-failure",
            "--workers=1",
            seconds=7_000,
        )
        print(said)  # noqa: T201 - how many cases there were
        assert status == 0, said
        assert (await http.get(f"{address}/healthz")).status_code == 200
