"""Makes the engines that the configuration names."""

from __future__ import annotations

import functools

from xy_core.core.errors import ConfigError
from xy_core.core.host_proxy import make_backend
from xy_core.models import ModelStore
from xy_core.models.plan import host_memory
from xy_core.modules.voice.backends.espeak import EspeakSynthesizer
from xy_core.modules.voice.backends.gpt_sovits import GptSovitsSynthesizer
from xy_core.modules.voice.backends.kokoro import KokoroSynthesizer
from xy_core.modules.voice.backends.piper import PiperSynthesizer
from xy_core.modules.voice.backends.sherpa_models import is_streaming
from xy_core.modules.voice.backends.sherpa_offline import SherpaTranscriber
from xy_core.modules.voice.backends.sherpa_online import SherpaStreamer
from xy_core.modules.voice.backends.whisper import WhisperTranscriber
from xy_core.modules.voice.config import SynthesizerConfig, TranscriberConfig, VoiceConfig
from xy_core.modules.voice.protocols import Synthesizer, Transcriber


def make_transcriber(store: ModelStore, config: VoiceConfig) -> Transcriber:
    """Make what hears; nothing is loaded yet.

    Raises:
        UnknownModelError: no such model.
        ModelNotInstalledError: its files are not here.
    """
    hearing = config.transcriber
    return make_backend(
        _transcriber_class(hearing),
        store.get(hearing.id).directory,
        hearing,
        config.threads,
        name=hearing.id,
        config=config,
        memory=memory_of(store, hearing.id),
    )


def make_synthesizer(
    store: ModelStore, entry: SynthesizerConfig, config: VoiceConfig
) -> Synthesizer:
    """Make one that speaks; nothing is loaded yet.

    Raises:
        ConfigError: the entry lacks what its engine needs.
        UnknownModelError: no such voice.
        ModelNotInstalledError: its files are not here.
    """
    make = functools.partial(
        make_backend, name=entry.name, config=config, memory=memory_of(store, entry.id)
    )
    if entry.engine == "espeak":
        return make(EspeakSynthesizer)
    if entry.engine == "gpt_sovits":
        if entry.server is None:
            raise ConfigError("voice.synthesizers: an entry with engine gpt_sovits needs server")
        # The model lives in the server's process already: a second one would hold nothing.
        return GptSovitsSynthesizer(entry.server)
    installed = store.get(entry.id)
    if entry.engine == "kokoro":
        return make(KokoroSynthesizer, installed.directory, entry.voices, config.threads)
    voice = next(file.name for file in installed.entry.files if file.name.endswith(".onnx"))
    return make(PiperSynthesizer, installed.file(voice), config.threads)


def memory_of(store: ModelStore, model_id: str) -> int:
    """Return how many bytes a model takes; 0 for an engine without one."""
    return host_memory(store, store.get(model_id).entry) if model_id else 0


def _transcriber_class(hearing: TranscriberConfig) -> type[Transcriber]:
    if hearing.engine == "whisper":
        return WhisperTranscriber
    return SherpaStreamer if is_streaming(hearing.kind) else SherpaTranscriber
