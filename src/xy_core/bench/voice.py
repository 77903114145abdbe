"""How quickly a spoken conversation goes: to the first sound of a reply, and to silence.

A real server on a loopback socket, its realtime WebSocket, real models. The user's sentences are
spoken by the voice module itself.
"""

from __future__ import annotations

import asyncio
import base64
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.core.trace import TraceEvent
from xy_core.modules.voice import Audio, VoiceService
from xy_core.runtime import Runtime, open_runtime
from xy_core.server.serving import serving
from xy_core.settings import Settings

_RATE = 24_000
_PIECE = _RATE // 50
"""Samples that a microphone hands over at a time: 20 ms."""
_PAUSE = 0.7
"""Seconds of silence that end a turn for certain; the detector waits for 0.5."""
_TURNS = 20
_INTERRUPTIONS = 10
_AUDIBLE = 0.02
"""Level from which a sample counts as the beginning of speech."""
_MODELS = ("voice.", "llm.", "emotion.", "vision.")
_SAID = (
    "My grandmother died last night and I do not know what to do.",
    "I passed my exam today and I am so happy.",
    "Can you tell me something about the sea?",
    "I am afraid of the meeting tomorrow.",
)
_INTERRUPTION = "Stop, please. I want to say something else."


@dataclass(frozen=True, slots=True)
class _Reply:
    """Seconds from the end of a turn to the first sound, and those in which models worked."""

    total: float
    models: float


@dataclass(frozen=True, slots=True)
class _Silence:
    """What became of an interruption.

    Attributes:
        told: seconds from the first audible sample to the client's being told.
        last_sound: the same, to the last piece of the old reply; 0 if all had come before.
        idle: seconds from being told until nothing of the old turn runs; 0 if it had ended before.
    """

    told: float
    last_sound: float
    idle: float


def run(*, settings: Settings, quick: bool, progress: Progress) -> BenchResult:
    """Measure; takes about two minutes, or half a minute with `quick`."""
    return asyncio.run(_run(settings, 3 if quick else 1, progress))


async def _run(settings: Settings, divisor: int, progress: Progress) -> BenchResult:
    with tempfile.TemporaryDirectory() as folder:
        async with open_runtime(_apart(settings, Path(folder))) as runtime:
            progress("speaking what the user says")
            said = [await _spoken(runtime, text) for text in _SAID]
            stop = await _spoken(runtime, _INTERRUPTION)
            async with serving(runtime, runtime.settings.server) as address:
                progress("replies")
                replies = []
                for number in range(-2, _TURNS // divisor):  # the first two warm up
                    reply = await _reply(runtime, address, said[number % len(said)])
                    replies += [reply] if number >= 0 else []
                progress("interruptions")
                count = _INTERRUPTIONS // divisor
                silences = [await _interrupted(address, said[0], stop) for _ in range(count)]
    return _result(replies, silences)


def _apart(settings: Settings, folder: Path) -> Settings:
    """Return the settings with a memory, keys and a port of their own."""
    memory = settings.memory.model_copy(update={"path": folder / "memory.db"})
    server = settings.server.model_copy(update={"port": 0, "keys": folder / "keys.json"})
    return settings.model_copy(update={"memory": memory, "server": server})


async def _spoken(runtime: Runtime, text: str) -> NDArray[np.int16]:
    """Return a sentence as 16-bit samples at 24 kHz."""
    async with aclosing(runtime.engine.module(VoiceService).speak(text)) as chunks:
        audio = Audio.concat([chunk async for chunk in chunks]).resampled(_RATE)
    return (np.clip(audio.samples, -1, 1) * 32_767).astype(np.int16)


# -- a conversation ------------------------------------------------------------------------------


@asynccontextmanager
async def _talking(address: str) -> AsyncIterator[ClientConnection]:
    url = f"{address.replace('http', 'ws', 1)}/v1/realtime?model=xy-agent"
    async with connect(url, proxy=None, max_size=None) as connection:
        await connection.recv()
        yield connection


async def _send(connection: ClientConnection, samples: NDArray[np.int16]) -> None:
    audio = base64.b64encode(samples.astype("<i2").tobytes()).decode()
    await connection.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))


async def _until(connection: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            event: dict[str, Any] = json.loads(await connection.recv())
            if event["type"] == kind:
                return event


async def _say(connection: ClientConnection, samples: NDArray[np.int16]) -> None:
    await _send(connection, np.concatenate([samples, np.zeros(round(_PAUSE * _RATE), np.int16)]))


async def _reply(runtime: Runtime, address: str, said: NDArray[np.int16]) -> _Reply:
    async with _talking(address) as connection:
        await _say(connection, said)
        await _until(connection, "input_audio_buffer.speech_stopped")
        ended, begun = time.time(), time.perf_counter()
        await _until(connection, "response.output_audio.delta")
        total = time.perf_counter() - begun
        models = _busy(runtime.engine.scheduler.trace, ended, ended + total)
        await _until(connection, "response.done")
    return _Reply(total, models)


def _busy(trace: Iterable[TraceEvent], begin: float, end: float) -> float:
    """Return the seconds of a span in which at least one model worked."""
    started: dict[str, float] = {}
    spans: list[tuple[float, float]] = []
    for event in trace:
        task = event.task
        if not task.name.startswith(_MODELS):
            continue
        if event.event == "worker_start":
            started[task.task_id] = event.ts
        elif task.task_id in started:
            spans.append((started.pop(task.task_id), event.ts))
    spans += [(start, end) for start in started.values()]
    total, reached = 0.0, begin
    for start, stop in sorted(spans):
        first, last = max(start, reached), min(stop, end)
        if last > first:
            total += last - first
            reached = last
    return total


# -- interruptions -------------------------------------------------------------------------------


async def _interrupted(address: str, said: NDArray[np.int16], stop: NDArray[np.int16]) -> _Silence:
    audible = int(np.argmax(np.abs(stop) > _AUDIBLE * 32_767))
    async with _talking(address) as connection:
        await _say(connection, said)
        await _until(connection, "response.output_audio.delta")
        begun = time.perf_counter()
        microphone = asyncio.create_task(_microphone(connection, stop))
        last_sound = told = idle = 0.0
        while not (told and idle):
            event = json.loads(await connection.recv())
            moment = time.perf_counter()
            match event["type"]:
                case "response.output_audio.delta":
                    last_sound = moment
                case "input_audio_buffer.speech_started":
                    told = moment
                case "response.done":
                    idle = moment
        microphone.cancel()
        await asyncio.gather(microphone, return_exceptions=True)
    onset = begun + audible / _RATE
    return _Silence(told - onset, max(0.0, last_sound - onset), max(0.0, idle - told))


async def _microphone(connection: ClientConnection, samples: NDArray[np.int16]) -> None:
    """Hand sound over as it would come in, each piece when its last sample has been recorded."""
    begun = time.perf_counter()
    for start in range(0, len(samples), _PIECE):
        due = begun + (start + _PIECE) / _RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await _send(connection, samples[start : start + _PIECE])


# -- figures -------------------------------------------------------------------------------------


def _result(replies: list[_Reply], silences: list[_Silence]) -> BenchResult:
    ours = [reply.total - reply.models for reply in replies]
    told = [silence.told for silence in silences]
    rows: dict[str, Figures] = {
        "replies": {
            "turns": len(replies),
            "to_first_sound_p50_ms": _ms(statistics.median(reply.total for reply in replies)),
            "models_p50_ms": _ms(statistics.median(reply.models for reply in replies)),
            "without_models_p50_ms": _ms(statistics.median(ours)),
            "without_models_p95_ms": _ms(_p95(ours)),
        },
        "interruptions": {
            "count": len(silences),
            "told_p50_ms": _ms(statistics.median(told)),
            "told_longest_ms": _ms(max(told)),
            "last_sound_latest_ms": _ms(max(silence.last_sound for silence in silences)),
            "old_turn_ends_longest_ms": _ms(max(silence.idle for silence in silences)),
        },
    }
    checks = [
        Check("reply_without_models_p50_ms", _ms(statistics.median(ours)), 60.0, "at most"),
        Check("reply_without_models_p95_ms", _ms(_p95(ours)), 120.0, "at most"),
        Check("interruption_told_longest_ms", _ms(max(told)), 150.0, "at most"),
    ]
    return BenchResult("voice", rows, checks)


def _p95(values: list[float]) -> float:
    return float(np.quantile(values, 0.95))


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 1)
