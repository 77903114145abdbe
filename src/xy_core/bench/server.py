"""What our server costs: a streamed chat beside llama.cpp's own HTTP server with the same model.

Both run in this process with the same settings and get the same prompts in turn, first one then
the other, so that both meet the same load of the machine and equally warm caches of prompts. The
client that measures is a process of its own, the same for both.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xy_core.bench.result import BenchResult, Check, Progress, median_ratio
from xy_core.bench.stream_client import Round, StreamClient, Target, stream_client
from xy_core.core.errors import MissingExtraError
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.runtime import open_runtime
from xy_core.server.serving import run_serving, serving
from xy_core.settings import Settings

_ROUNDS = 24
_CLIENTS = (1, 4)
_TOKENS = 48
_SLOWER_START = 1.05
_SLOWER_FLOW = 0.97
_OURS, _THEIRS = "xy-core", "llama.cpp"


def run(*, settings: Settings, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about two minutes, or half a minute with `quick`."""
    return run_serving(_run(settings, _ROUNDS // 4 if quick else _ROUNDS, progress))


async def _run(settings: Settings, rounds: int, progress: Progress) -> BenchResult:
    model = next(model for model in settings.llm.models if model.prompt == "chat")
    found: dict[int, dict[str, list[Round]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        apart = _apart(settings, Path(folder))
        async with (
            open_runtime(apart, ["llm"]) as runtime,
            serving(runtime, apart.server) as address,
            stream_client() as client,
        ):
            installed = runtime.store.get(model.id)
            weights = next(
                file.name for file in installed.entry.files if file.name.endswith(".gguf")
            )
            path = installed.file(weights)
            key = secrets.token_hex(16)
            direct = await asyncio.to_thread(_direct, path, apart.llm, key)
            targets = {
                _OURS: Target(f"{address}/v1/chat/completions", {}, {"model": model.id}),
                _THEIRS: Target(
                    f"{direct.listening_address}/v1/chat/completions",
                    {"authorization": f"Bearer {key}"},
                    _sampling(model, apart.llm),
                ),
            }
            for clients in _CLIENTS:
                progress(f"streams to {clients} at a time")
                found[clients] = await _side_by_side(client, targets, clients, rounds)
    return _result(found)


def _apart(settings: Settings, folder: Path) -> Settings:
    """Return the settings with keys, a port and a length of replies of their own."""
    server = settings.server.model_copy(update={"port": 0, "keys": folder / "keys.json"})
    llm = settings.llm.model_copy(update={"max_tokens": _TOKENS, "slots": max(_CLIENTS)})
    return settings.model_copy(update={"server": server, "llm": llm})


def _direct(path: Path, config: LLMConfig, key: str) -> Any:  # noqa: ANN401 - no types
    """Start llama.cpp's own server, set up as ours sets it up."""
    try:
        import xllamacpp  # noqa: PLC0415 - heavy
    except ImportError as error:
        raise MissingExtraError("xllamacpp", "llm") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = config.slots
    params.n_ctx = config.context_tokens * config.slots
    params.cpuparams.n_threads = config.threads
    params.cpuparams_batch.n_threads = config.threads
    params.verbosity = -1
    params.warmup = False
    params.ui = False
    params.cache_ram_mib = config.prompt_cache // 2**20
    params.api_keys = [key]
    return xllamacpp.Server(params)


def _sampling(model: LanguageModelConfig, config: LLMConfig) -> dict[str, Any]:
    """Return what our server tells the engine by itself."""
    told: dict[str, Any] = {
        "max_tokens": config.max_tokens,
        "temperature": config.temperature,
        "repeat_penalty": model.repeat_penalty,
        "seed": config.seed,
    }
    return told | ({"grammar": model.grammar} if model.grammar else {})


# -- streams -------------------------------------------------------------------------------------


async def _side_by_side(
    client: StreamClient, targets: Mapping[str, Target], clients: int, rounds: int
) -> dict[str, list[Round]]:
    measured: dict[str, list[Round]] = {name: [] for name in targets}
    for number in range(-2, rounds):  # the first two warm up
        prompts = [
            f"Story {clients}-{number}-{one}: tell me about the sea." for one in range(clients)
        ]
        # Who goes first changes, so that neither always meets what the other left behind.
        order = sorted(targets, reverse=bool(number % 2))
        for name in order:
            result = await client.round(targets[name], prompts)
            if number >= 0:
                measured[name].append(result)
    return measured


def _result(found: Mapping[int, Mapping[str, Sequence[Round]]]) -> BenchResult:
    rows, checks = {}, []
    for clients, measured in found.items():
        for name, rounds in measured.items():
            rows[f"{name}, clients: {clients}"] = {
                "first_token_ms": round(statistics.median(one.first for one in rounds) * 1e3, 2),
                "tokens_per_second": round(statistics.median(one.rate for one in rounds), 2),
                "rounds": len(rounds),
            }
        ours, theirs = measured[_OURS], measured[_THEIRS]
        first = median_ratio([one.first for one in ours], [one.first for one in theirs])
        rate = median_ratio([one.rate for one in ours], [one.rate for one in theirs])
        checks += [
            Check(f"first_token_ratio_{clients}", first, _SLOWER_START, "at most"),
            Check(f"tokens_per_second_ratio_{clients}", rate, _SLOWER_FLOW, "at least"),
        ]
    return BenchResult("server", rows, checks)
