"""What the voices say, heard again: how many words the module's own ears get wrong.

The sentences are ours, everyday ones; names and figures that have several spellings are left out.
"""

from __future__ import annotations

import asyncio
import csv
import importlib
import time
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from xy_core.bench.result import BenchResult, Check, Figures, Progress
from xy_core.core.config import BusConfig, DeviceConfig, SchedulerConfig
from xy_core.core.errors import MissingExtraError
from xy_core.core.events import EventBus
from xy_core.core.module import ModuleContext
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import ModelStore
from xy_core.modules.voice import Audio, VoiceService, spoken_text
from xy_core.modules.voice.config import SynthesizerConfig, VoiceConfig
from xy_core.settings import Settings

_BOUNDS = {"en": 0.10, "zh": 0.25}
"""Largest share of wrong words (en) and wrong characters (zh)."""
_QUICK = 5
_KOKORO_ENGLISH = SynthesizerConfig(
    engine="kokoro", id="kokoro-82m-int8", languages=("en",), voices=("jm_kumo", "jf_nezumi")
)


def run(settings: Settings, *, quick: bool, progress: Progress) -> BenchResult:
    """Measure the configured voices, and Kokoro's English beside them; takes about two minutes.

    Raises:
        MissingExtraError: jiwer is not installed.
    """
    return asyncio.run(_measure(settings, _QUICK if quick else None, progress))


async def _measure(settings: Settings, count: int | None, progress: Progress) -> BenchResult:
    configured = settings.voice
    english = configured.model_copy(update={"synthesizers": (_KOKORO_ENGLISH,)})
    rows: dict[str, Figures] = {}
    for language in _BOUNDS:
        name = f"{language} ({_voice_name(configured, language)})"
        rows[name] = await _round_trip(settings, configured, language, count, progress)
    rows["en (kokoro)"] = await _round_trip(settings, english, "en", count, progress)
    measured = dict(zip(_BOUNDS, rows.values(), strict=False))
    checks = [
        Check(f"{language} error rate", measured[language]["error_rate"], bound, "at most")
        for language, bound in _BOUNDS.items()
    ]
    return BenchResult("voice-roundtrip", rows, checks)


async def _round_trip(
    settings: Settings,
    config: VoiceConfig,
    language: str,
    count: int | None,
    progress: Progress,
) -> Figures:
    """Say and hear sentences one after the other; return the figures of all together."""
    tally = _Tally()
    store = ModelStore(settings.models.root, settings.models.catalogue)
    schedule = SchedulerConfig(devices=(DeviceConfig(name="cpu"),))
    async with GlobalTaskScheduler(schedule) as scheduler:
        context = ModuleContext(scheduler, EventBus(BusConfig()), {ModelStore: store})
        service = VoiceService(context, config)
        await service.initialize()
        try:
            for number, sentence in enumerate(_sentences(language)[:count], 1):
                progress(f"{language} {number}: {sentence}")
                await _say_and_hear(service, sentence, language, tally)
        finally:
            await service.stop()
    return tally.figures(language)


async def _say_and_hear(service: VoiceService, sentence: str, language: str, tally: _Tally) -> None:
    began = time.perf_counter()
    async with service.speak(sentence, language=language) as chunks:
        spoken = Audio.concat([chunk async for chunk in chunks])
    between = time.perf_counter()
    heard = await service.transcribe(spoken)
    tally.speaking += between - began
    tally.hearing += time.perf_counter() - between
    tally.seconds += spoken.seconds
    tally.right_language += heard.language == language
    tally.said.append(spoken_text(sentence))
    tally.heard.append(spoken_text(heard.text))


@dataclass(slots=True)
class _Tally:
    said: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    right_language: int = 0
    seconds: float = 0.0
    speaking: float = 0.0
    hearing: float = 0.0

    def figures(self, language: str) -> Figures:
        """Errors as a share of all words (characters in Chinese), and the time it took."""
        jiwer = _jiwer()
        rate = jiwer.cer if language == "zh" else jiwer.wer
        pairs = zip(self.said, self.heard, strict=True)
        return {
            "error_rate": round(rate(self.said, self.heard), 4),
            "sentences": len(self.said),
            "without_error": sum(said == heard for said, heard in pairs),
            "language_found": self.right_language,
            "speaking_rtf": round(self.speaking / self.seconds, 3),
            "hearing_rtf": round(self.hearing / self.seconds, 3),
        }


def _jiwer() -> Any:  # noqa: ANN401 - untyped library
    try:
        return importlib.import_module("jiwer")
    except ImportError as error:
        raise MissingExtraError("jiwer", "bench") from error


def _sentences(language: str) -> list[str]:
    text = (resources.files("xy_core.bench") / "voice_roundtrip.tsv").read_text("utf-8")
    rows = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [sentence for code, sentence in rows if code == language]


def _voice_name(config: VoiceConfig, language: str) -> str:
    entries = config.synthesizers
    return next((one for one in entries if language in one.languages), entries[0]).engine
