"""The voice module: hears and speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar

from xy_core.core.backend_model import backend_model
from xy_core.core.errors import InputError
from xy_core.core.host_proxy import ill_hosts
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority, TaskType
from xy_core.models import ModelStore
from xy_core.modules.voice.config import SynthesizerConfig, VoiceConfig
from xy_core.modules.voice.engines import make_synthesizer, make_transcriber, memory_of
from xy_core.modules.voice.markup import SpeechMarkup
from xy_core.modules.voice.protocols import Engine, Synthesizer, Transcriber
from xy_core.modules.voice.script import Line, Script, perform, write_script
from xy_core.modules.voice.transcript import LiveTranscript, Transcript
from xy_core.modules.voice.types import Audio, VoiceStyle

_HEARING = "voice.hearing"
_SPEAKING = "voice.speaking"
T = TypeVar("T")


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
        self._transcriber = make_transcriber(store, self.config)
        self._register(_HEARING, self._transcriber, memory_of(store, self.config.transcriber.id))
        self._synthesizers = {
            entry: make_synthesizer(store, entry, self.config) for entry in self.config.synthesizers
        }
        size = sum(memory_of(store, entry.id) for entry in self._synthesizers)
        self._register(_SPEAKING, Speakers(tuple(self._synthesizers.values())), size)
        for entry in self._synthesizers:
            if entry.server is not None:
                self.context.scheduler.limit_key(entry.server.url, 1)
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
        return await self._hear(_transcribe, audio, language, priority=priority)

    async def transcribe_live(
        self,
        chunks: AsyncIterable[Audio],
        *,
        language: str | None = None,
        priority: TaskPriority = TaskPriority.HIGH,
    ) -> AsyncIterator[LiveTranscript]:
        """Write down what is said while it is being said.

        Each utterance comes several times, growing, and once final. Sound that comes in while the
        engine computes waits in `chunks`; closing the iterator ends the recognition.

        Args:
            chunks: the sound, in pieces of one rate; a tenth to half a second each is best.
            language: ISO 639-1 code; detected for each utterance if not given.
            priority: how urgent it is.

        Raises:
            AudioError: the rate changes.
            BackendError: too many live recognitions go on, or the engine started anew.
        """
        number = await self._hear(_begin, language, priority=priority)
        try:
            async for chunk in chunks:
                for heard in await self._hear(_take, number, chunk, priority=priority):
                    yield heard
            for heard in await self._hear(_end, number, priority=priority):
                yield heard
        finally:
            if self._transcriber is not None:
                await asyncio.to_thread(self._transcriber.abandon, number)

    async def _hear(
        self,
        fn: Callable[..., T],
        *args: Any,  # noqa: ANN401 - the function's own
        priority: TaskPriority,
    ) -> T:
        if self._transcriber is None:
            raise InputError("the voice module is not loaded")
        return await self.context.scheduler.run(
            fn,
            *args,
            name="voice.transcribe",
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            model=_HEARING,
            priority=priority,
            note=self.config.transcriber.id,
        )

    def speak(
        self,
        text: str | SpeechMarkup,
        *,
        language: str = "en",
        style: VoiceStyle | None = None,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> TaskStream[Audio]:
        """Begin to say something, sentence by sentence; closing the stream stops it.

        What no voice can say (markup, emoji) is left out; a text without anything else yields
        nothing. Chinese inside a text of another language is said by the Chinese voice.

        Args:
            text: plain, or `SpeechMarkup` for marks of rate, pitch, pauses and emotion.
            language: ISO 639-1 code.
            style: how to say a plain text.
            priority: how urgent it is.

        Raises:
            QueueFull: too many sentences wait.
        """
        script = write_script(text, language, style or VoiceStyle(), self._voice_for)
        chosen = self._choose(language)
        url = self._server_of(script)
        where: dict[str, Any] = {"device": self.config.device, "model": _SPEAKING}
        if url:
            # The server computes: nothing of ours is needed but a thread and its turn.
            where = {"key": url}
        return self.context.scheduler.stream(
            perform if url else _perform_loaded,
            script,
            name="voice.synthesize",
            task_type=TaskType.CPU_BOUND if url else TaskType.GPU_BOUND,
            priority=priority,
            note=chosen.name,
            **where,
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
        spoken = ", ".join(entry.name for entry in self._synthesizers)
        facts = {"transcriber": self.config.transcriber.id, "synthesizers": spoken}
        ill = ill_hosts([self._transcriber, *self._synthesizers.values()])
        return ModuleHealth(HealthStatus.DEGRADED if ill else HealthStatus.READY, ill, facts)

    def _register(self, name: str, engine: Engine, size: int) -> None:
        self.context.scheduler.register_model(backend_model(name, engine, size), self.config.device)
        self._registered.append(name)

    def _choose(self, language: str) -> SynthesizerConfig:
        entries = self.config.synthesizers
        return next((entry for entry in entries if language in entry.languages), entries[0])

    def _voice_for(self, language: str) -> Synthesizer:
        if not self._synthesizers:
            raise InputError("the voice module is not loaded")
        return self._synthesizers[self._choose(language)]

    def _server_of(self, script: Script) -> str:
        """The server that speaks all of a script; empty if an engine of ours is needed too."""
        languages = {line.language for line in script if isinstance(line, Line)}
        servers = [self._choose(language).server for language in languages]
        urls = {server.url if server else "" for server in servers}
        return urls.pop() if len(urls) == 1 else ""


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


def _begin(engine: Transcriber, language: str | None) -> int:
    return engine.begin(language)


def _take(engine: Transcriber, number: int, audio: Audio) -> tuple[LiveTranscript, ...]:
    return engine.hear(number, audio)


def _end(engine: Transcriber, number: int) -> tuple[LiveTranscript, ...]:
    return engine.end(number)


def _perform_loaded(_loaded: Speakers, script: Script) -> Iterator[Audio]:
    yield from perform(script)
