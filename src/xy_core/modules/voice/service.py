"""The voice module: hears and speaks."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator, Sequence
from typing import ClassVar

from xy_core.core.backend_model import backend_model
from xy_core.core.errors import InputError
from xy_core.core.host_proxy import ill_hosts, make_backend
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority, TaskType
from xy_core.models import ModelStore
from xy_core.models.plan import host_memory
from xy_core.modules.voice.backends.espeak import EspeakSynthesizer
from xy_core.modules.voice.backends.kokoro import KokoroSynthesizer
from xy_core.modules.voice.backends.piper import PiperSynthesizer
from xy_core.modules.voice.backends.whisper import WhisperTranscriber
from xy_core.modules.voice.config import SynthesizerConfig, VoiceConfig
from xy_core.modules.voice.protocols import Engine, Synthesizer, Transcriber
from xy_core.modules.voice.speakable import language_runs
from xy_core.modules.voice.types import Audio, Transcript, VoiceStyle

_HEARING = "voice.hearing"
_SPEAKING = "voice.speaking"


class VoiceService(Module[VoiceConfig]):
    """Speech to text, and text to speech by language."""

    name: ClassVar[str] = "voice"
    config_model = VoiceConfig

    def __init__(self, context: ModuleContext, config: VoiceConfig) -> None:
        super().__init__(context, config)
        self._transcriber: Transcriber | None = None
        self._synthesizers: dict[SynthesizerConfig, Synthesizer] = {}
        self._registered: list[str] = []

    async def initialize(self) -> None:
        """Make all engines known, and load those for which there is room."""
        store = self.context.resource(ModelStore)
        hearing = self.config.transcriber
        self._transcriber = make_backend(
            WhisperTranscriber,
            store.get(hearing.id).directory,
            hearing,
            self.config.threads,
            name=hearing.id,
            config=self.config,
        )
        self._register(_HEARING, self._transcriber, _size(store, hearing.id))
        self._synthesizers = {
            entry: _synthesizer(store, entry, self.config) for entry in self.config.synthesizers
        }
        size = sum(_size(store, entry.id) for entry in self._synthesizers if entry.id)
        self._register(_SPEAKING, Speakers(tuple(self._synthesizers.values())), size)
        for name in (_HEARING, _SPEAKING):
            await self.context.scheduler.preload_model(name, self.config.device)

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
            _transcribe,
            audio,
            language,
            name="voice.transcribe",
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            model=_HEARING,
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
            model=_SPEAKING,
            priority=priority,
            note=chosen.id or chosen.engine,
        )

    async def stop(self) -> None:
        """Free the engines."""
        names, self._registered = self._registered, []
        self._transcriber, self._synthesizers = None, {}
        async with asyncio.TaskGroup() as group:
            for name in names:
                revocation = self.context.scheduler.revoke_model(name, self.config.device)
                group.create_task(revocation)

    async def health(self) -> ModuleHealth:
        """Name the loaded engines."""
        if self._transcriber is None:
            return ModuleHealth(HealthStatus.STOPPED)
        spoken = ", ".join(entry.id or entry.engine for entry in self._synthesizers)
        facts = {"transcriber": self.config.transcriber.id, "synthesizers": spoken}
        ill = ill_hosts([self._transcriber, *self._synthesizers.values()])
        return ModuleHealth(HealthStatus.DEGRADED if ill else HealthStatus.READY, ill, facts)

    def _register(self, name: str, engine: Engine, size: int) -> None:
        self.context.scheduler.register_model(backend_model(name, engine, size), self.config.device)
        self._registered.append(name)

    def _choose(self, language: str) -> SynthesizerConfig:
        entries = self.config.synthesizers
        return next((entry for entry in entries if language in entry.languages), entries[0])


class Speakers:
    """All voices as one model: a sentence may need several of them."""

    def __init__(self, voices: Sequence[Synthesizer]) -> None:
        self._voices = voices

    def load(self) -> None:
        """Load all voices; harmless when they are."""
        for voice in self._voices:
            voice.load()

    def close(self) -> None:
        """Give all voices back; harmless when there are none."""
        for voice in self._voices:
            voice.close()


def _transcribe(engine: Transcriber, audio: Audio, language: str | None) -> Transcript:
    return engine.transcribe(audio, language)


def _say(
    _loaded: Speakers, runs: Sequence[tuple[Synthesizer, str, str]], style: VoiceStyle
) -> Iterator[Audio]:
    for synthesizer, text, language in runs:
        yield from synthesizer.synthesize(text, language, style)


def _size(store: ModelStore, model_id: str) -> int:
    return host_memory(store, store.get(model_id).entry)


def _synthesizer(store: ModelStore, entry: SynthesizerConfig, config: VoiceConfig) -> Synthesizer:
    make = functools.partial(make_backend, name=entry.id or entry.engine, config=config)
    if entry.engine == "espeak":
        return make(EspeakSynthesizer)
    installed = store.get(entry.id)
    if entry.engine == "kokoro":
        return make(KokoroSynthesizer, installed.directory, entry.voices, config.threads)
    voice = next(file.name for file in installed.entry.files if file.name.endswith(".onnx"))
    return make(PiperSynthesizer, installed.file(voice))
