"""The voice module: hears and speaks."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator, Sequence
from typing import ClassVar

from xy_core.core.errors import InputError
from xy_core.core.host_proxy import ill_hosts, make_backend
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority, TaskType
from xy_core.models import ModelStore
from xy_core.modules.voice.backends.espeak import EspeakSynthesizer
from xy_core.modules.voice.backends.kokoro import KokoroSynthesizer
from xy_core.modules.voice.backends.piper import PiperSynthesizer
from xy_core.modules.voice.backends.whisper import WhisperTranscriber
from xy_core.modules.voice.config import SynthesizerConfig, VoiceConfig
from xy_core.modules.voice.protocols import Engine, Synthesizer, Transcriber
from xy_core.modules.voice.speakable import language_runs
from xy_core.modules.voice.types import Audio, Transcript, VoiceStyle


class VoiceService(Module[VoiceConfig]):
    """Speech to text, and text to speech by language."""

    name: ClassVar[str] = "voice"
    config_model = VoiceConfig

    def __init__(self, context: ModuleContext, config: VoiceConfig) -> None:
        super().__init__(context, config)
        self._transcriber: Transcriber | None = None
        self._synthesizers: dict[SynthesizerConfig, Synthesizer] = {}

    async def initialize(self) -> None:
        """Load all engines, side by side."""
        store = self.context.resource(ModelStore)
        hearing = self.config.transcriber
        transcriber = make_backend(
            WhisperTranscriber,
            store.get(hearing.id).directory,
            hearing,
            self.config.threads,
            name=hearing.id,
            config=self.config,
        )
        synthesizers = {
            entry: _synthesizer(store, entry, self.config) for entry in self.config.synthesizers
        }
        # Kept before they are loaded: if one fails, `stop` must find the others.
        self._transcriber, self._synthesizers = transcriber, synthesizers
        async with asyncio.TaskGroup() as group:
            group.create_task(self._load(transcriber, hearing.id))
            for entry, synthesizer in synthesizers.items():
                group.create_task(self._load(synthesizer, entry.id or entry.engine))

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> Transcript:
        """Write down what is said.

        Args:
            audio: the recording; its text is empty if nobody speaks in it.
            language: ISO 639-1 code; detected if not given.
            priority: how urgent it is.

        Raises:
            InputError: the recording is longer than ``voice.max_seconds``.
        """
        if audio.seconds > self.config.max_seconds:
            raise InputError(
                f"the recording is {audio.seconds:.0f} s long, over the limit of "
                f"{self.config.max_seconds:g} s: cut it, or raise voice.max_seconds"
            )
        if self._transcriber is None:
            raise InputError("the voice module is not loaded")
        return await self.context.scheduler.run(
            self._transcriber.transcribe,
            audio,
            language,
            name="voice.transcribe",
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            priority=priority,
            note=self.config.transcriber.id,
        )

    def speak(
        self,
        text: str,
        *,
        language: str = "en",
        style: VoiceStyle | None = None,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> TaskStream[Audio]:
        """Begin to say a sentence; closing the stream stops it.

        What no voice can say (markup, emoji) is left out; a text without anything else yields
        nothing. Chinese inside a text of another language is said by the Chinese voice.

        Args:
            text: one or a few sentences.
            language: ISO 639-1 code.
            style: how to say it.
            priority: how urgent it is.

        Raises:
            QueueFull: too many sentences wait.
        """
        runs = [
            (self._synthesizers[self._choose(code)], said, code)
            for code, said in language_runs(text, language)
        ]
        chosen = self._choose(language)
        return self.context.scheduler.stream(
            _say,
            runs,
            style or VoiceStyle(),
            name="voice.synthesize",
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            priority=priority,
            note=chosen.id or chosen.engine,
        )

    async def stop(self) -> None:
        """Free the engines."""
        engines: list[Engine] = [*self._synthesizers.values()]
        if self._transcriber is not None:
            engines.append(self._transcriber)
        self._transcriber, self._synthesizers = None, {}
        async with asyncio.TaskGroup() as group:
            for engine in engines:
                group.create_task(asyncio.to_thread(engine.close))

    async def health(self) -> ModuleHealth:
        """Name the loaded engines."""
        if self._transcriber is None:
            return ModuleHealth(HealthStatus.STOPPED)
        spoken = ", ".join(entry.id or entry.engine for entry in self._synthesizers)
        facts = {"transcriber": self.config.transcriber.id, "synthesizers": spoken}
        ill = ill_hosts([self._transcriber, *self._synthesizers.values()])
        return ModuleHealth(HealthStatus.DEGRADED if ill else HealthStatus.READY, ill, facts)

    async def _load(self, engine: Engine, note: str) -> None:
        await self.context.scheduler.run(
            engine.load, name="voice.load", task_type=TaskType.CPU_BOUND, note=note
        )

    def _choose(self, language: str) -> SynthesizerConfig:
        entries = self.config.synthesizers
        return next((entry for entry in entries if language in entry.languages), entries[0])


def _say(runs: Sequence[tuple[Synthesizer, str, str]], style: VoiceStyle) -> Iterator[Audio]:
    for synthesizer, text, language in runs:
        yield from synthesizer.synthesize(text, language, style)


def _synthesizer(store: ModelStore, entry: SynthesizerConfig, config: VoiceConfig) -> Synthesizer:
    make = functools.partial(make_backend, name=entry.id or entry.engine, config=config)
    if entry.engine == "espeak":
        return make(EspeakSynthesizer)
    installed = store.get(entry.id)
    if entry.engine == "kokoro":
        return make(KokoroSynthesizer, installed.directory, entry.voices, config.threads)
    voice = next(file.name for file in installed.entry.files if file.name.endswith(".onnx"))
    return make(PiperSynthesizer, installed.file(voice))
