"""The reference voices of an engine that takes its emotion from a recording, as GPT-SoVITS does."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator

from xy_core.core.config import StrictModel
from xy_core.core.errors import AudioError, ConfigError
from xy_core.modules.voice.audio_file import read_audio
from xy_core.modules.voice.types import VoiceStyle

SHORTEST, LONGEST = 3.0, 10.0
"""Seconds of a reference recording that GPT-SoVITS accepts (its ``inference_webui.py``)."""
NEUTRAL = "neutral"
_QUIETEST = 0.01
"""Peak amplitude below which a recording is taken for silence."""


class Reference(StrictModel):
    """One recording, which a voice is made to sound like.

    Attributes:
        audio: the file; in the bank's file relative to it.
        text: what is said in it, word for word; newer versions of GPT-SoVITS require it.
        language: of the text.
        server_path: where the engine's server finds the file, if it runs elsewhere.
    """

    audio: Path
    text: str = Field(min_length=1, max_length=500)
    language: Literal["zh", "en", "ja", "ko", "yue"]
    server_path: str = ""

    @field_validator("text")
    @classmethod
    def _said(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("write down what is said in the recording")
        return text.strip()

    def as_request(self) -> dict[str, str]:
        """Return the fields of GPT-SoVITS's ``POST /tts`` that choose the voice."""
        return {
            "ref_audio_path": self.server_path or str(self.audio),
            "prompt_text": self.text,
            "prompt_lang": self.language,
        }


class ReferenceBank(StrictModel):
    """A voice's recordings by emotion; the neutral one stands in where another is missing."""

    emotions: Mapping[str, Reference]

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a bank and check every recording in it; blocks.

        The file is TOML with one table an emotion::

            [joy]
            audio = "joy.wav"
            text = "What a lovely day."
            language = "en"

        Raises:
            ConfigError: the file cannot be read, has no neutral voice, or a recording is missing,
                silent, damaged, or not between 3 and 10 seconds long.
        """
        bank = cls(emotions=_read(file))
        if NEUTRAL not in bank.emotions:
            raise ConfigError(
                f"reference voices {file}: add a [{NEUTRAL}] table; it is the default"
            )
        for emotion, reference in bank.emotions.items():
            _check(f"reference voices {file}: {emotion}", reference.audio)
        return bank

    def choose(self, style: VoiceStyle) -> Reference:
        """Return the recording for a way of speaking."""
        return self.emotions.get(style.emotion, self.emotions[NEUTRAL])


def _read(file: Path) -> dict[str, Reference]:
    try:
        tables = tomllib.loads(file.read_text("utf-8-sig"))
        found = {emotion: Reference.model_validate(table) for emotion, table in tables.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"reference voices {file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"reference voices {file} is not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "a table"
        raise ConfigError(f"reference voices {file}: {key}: {first['msg']}") from error
    folder = file.parent
    return {
        emotion: one.model_copy(update={"audio": folder / one.audio})
        for emotion, one in found.items()
    }


def _check(where: str, audio: Path) -> None:
    try:
        recording = read_audio(audio, max_seconds=60.0)
    except AudioError as error:
        raise ConfigError(f"{where}: {error}") from error
    if not SHORTEST <= recording.seconds <= LONGEST:
        raise ConfigError(
            f"{where}: {audio.name} lasts {recording.seconds:.1f} s: "
            f"cut it to {SHORTEST:g} to {LONGEST:g} s"
        )
    if float(abs(recording.samples).max()) < _QUIETEST:
        raise ConfigError(f"{where}: {audio.name} is silent: record it again")
