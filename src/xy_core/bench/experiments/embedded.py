"""The real models of the embedded profile, called directly: hear, see, think, speak."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from xy_core.bench.experiments.chain import Chain, Part, Turn
from xy_core.core.errors import ConfigError
from xy_core.models import ModelStore
from xy_core.models.catalogue import ModelFile
from xy_core.modules.llm import Message
from xy_core.modules.llm.backends.llama_cpp import LlamaCppChat
from xy_core.modules.llm.types import Delta, Request
from xy_core.modules.vision import Picture
from xy_core.modules.vision.backends.rapid_ocr import RapidOcrReader
from xy_core.modules.vision.colours import measure_colours
from xy_core.modules.voice import Audio, SentenceSplitter, VoiceStyle, read_audio
from xy_core.modules.voice.backends.piper import PiperSynthesizer
from xy_core.modules.voice.backends.whisper import WhisperTranscriber
from xy_core.settings import Settings

_PACKAGE = Path(__file__).parents[2]
_PLACES = (_PACKAGE / "samples", _PACKAGE.parents[1] / "samples")
"""Inside the package when installed, beside ``src`` in a checkout."""
_SPOKEN = 160
"""Characters of a reply that are spoken: every policy says as much."""
_SILENCE = "I am here."
"""What is said if the reply is empty."""


class Inputs:
    """What every request brings: a recording and a picture."""

    def __init__(self, settings: Settings) -> None:
        folder = next((place for place in _PLACES if place.is_dir()), None)
        if folder is None:
            raise ConfigError("the samples are missing: install xy-core again")
        self.audio: Audio = read_audio(folder / "sad_news.wav", settings.voice.max_seconds)
        self.picture = Picture.load(folder / "sign.png", settings.vision.max_pixels)


def question(turn: Turn) -> list[Message]:
    """Return what the language model is asked, from what was heard and seen."""
    heard, seen = turn.found["hear"], turn.found["see"]
    return [Message("user", f"{heard} A sign says: {seen}. What should I do?")]


def spoken(reply: str) -> str:
    """Return the part of a reply that is said, never nothing."""
    return reply[:_SPOKEN].strip() or _SILENCE


class Spoken:
    """Takes a reply as it is written, and gives out by sentences what `spoken` says of it.

    Attributes:
        reply: all that was written.
    """

    def __init__(self) -> None:
        self.reply = ""
        self._splitter = SentenceSplitter()
        self._said = False

    def feed(self, text: str) -> list[str]:
        """Add text and return the sentences that are now complete."""
        left = max(0, _SPOKEN - len(self.reply))
        self.reply += text
        return self._worded(self._splitter.feed(text[:left]))

    def flush(self) -> list[str]:
        """Return what is left, once the reply is whole."""
        rest = self._worded(self._splitter.flush())
        return rest if self._said else [_SILENCE]

    def _worded(self, sentences: list[str]) -> list[str]:
        found = [sentence.strip() for sentence in sentences if sentence.strip()]
        self._said = self._said or bool(found)
        return found


class DirectModels:
    """The same backends as the modules', loaded once and called by whoever wants."""

    def __init__(self, settings: Settings, inputs: Inputs) -> None:
        store = ModelStore(settings.models.root, settings.models.catalogue)
        voice, language = settings.voice, settings.llm.models[0]
        piper = store.get(voice.synthesizers[0].id)
        weights = store.get(language.id)
        self._inputs = inputs
        self._whisper = WhisperTranscriber(
            store.get(voice.transcriber.id).directory, voice.transcriber, voice.threads
        )
        self._piper = PiperSynthesizer(
            piper.file(_named(piper.entry.files, ".onnx")), voice.threads
        )
        self._reader = RapidOcrReader(settings.vision)
        self._llm = LlamaCppChat(
            weights.file(_named(weights.entry.files, ".gguf")), language, settings.llm
        )

    def load(self) -> None:
        """Load everything; blocks for some seconds."""
        for model in (self._whisper, self._piper, self._reader, self._llm):
            model.load()

    def close(self) -> None:
        """Give everything back."""
        for model in (self._whisper, self._piper, self._reader, self._llm):
            model.close()

    def chain(self) -> Chain:
        """Return a request's parts: hear and see, think, speak."""
        return (
            (Part("hear", "processor", self._hear), Part("see", "device", self._see)),
            (Part("think", "device", self._think),),
            (Part("speak", "device", self._speak),),
        )

    def _hear(self, _turn: Turn) -> str:
        return self._whisper.transcribe(self._inputs.audio, "en").text

    def _see(self, _turn: Turn) -> str:
        measure_colours(self._inputs.picture)  # as the module does
        return " / ".join(line.text for line in self._reader.read(self._inputs.picture))

    def _think(self, turn: Turn) -> str:
        said: list[Delta] = []
        self._llm.generate(said.append, Request(tuple(question(turn))))
        return "".join(delta.text for delta in said)

    def _speak(self, turn: Turn) -> float:
        said = self._piper.synthesize(spoken(turn.found["think"]), "en", VoiceStyle())
        return sum(audio.seconds for audio in said)


def _named(files: Iterable[ModelFile], suffix: str) -> str:
    return next(file.name for file in files if file.name.endswith(suffix))
