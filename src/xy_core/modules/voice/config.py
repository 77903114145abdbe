"""Settings of hearing and speaking."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from xy_core.core.config import HostedConfig, StrictModel

SherpaKind = Literal[
    "sense-voice",
    "paraformer",
    "transducer",
    "streaming-transducer",
    "streaming-paraformer",
    "streaming-zipformer-ctc",
    "streaming-nemo-ctc",
]


class TranscriberConfig(StrictModel):
    """How speech becomes text."""

    engine: Literal["whisper", "sherpa"] = Field("whisper", description="The library that hears.")
    id: str = Field("whisper-base-ct2", description="Its id in the catalogue.")
    kind: SherpaKind = Field(
        "sense-voice", description="What sort of model a sherpa engine's folder holds."
    )
    languages: tuple[str, ...] = Field(
        ("en", "zh"), min_length=1, description="Languages that may be heard (ISO 639-1)."
    )
    workers: int = Field(
        1, ge=1, le=16, description="Recordings heard at a time; each uses voice.threads threads."
    )
    beam_size: int = Field(5, ge=1, le=20, description="More finds better words, more slowly.")
    word_times: bool = Field(
        default=False, description="Tell when each word was said; a little slower."
    )
    window: float = Field(
        15.0,
        ge=5,
        le=30,
        description="Seconds that Whisper computes of a shorter recording: it was trained on 30, "
        "but 15 take less than half the time and are understood almost as well.",
    )


class SpeechServerConfig(StrictModel):
    """A GPT-SoVITS server (its ``api_v2.py``) and how it is asked."""

    url: str = Field(
        "http://127.0.0.1:9880", pattern=r"^https?://\S+$", description="Where it listens."
    )
    references: Path = Field(description="TOML file of recordings by emotion (see the guide).")
    mode: Literal[0, 1, 2, 3] = Field(
        1,
        description="Its streaming_mode: 0 all at once, 1 by fragments, 2 and 3 by tokens "
        "(sooner, not as good; version 3 and 4 of its models fall back to fragments).",
    )
    restart_after: int = Field(
        0, ge=0, description="Requests after which it is restarted for its memory; 0: never."
    )
    connect_timeout: float = Field(5.0, gt=0, description="Seconds to reach it.")
    silence_timeout: float = Field(
        60.0, gt=0, description="Seconds without a byte; in mode 0 a whole sentence takes so long."
    )
    restart_timeout: float = Field(120.0, gt=0, description="Seconds in which it must be back.")


class SynthesizerConfig(StrictModel):
    """How text of some languages becomes speech."""

    engine: Literal["piper", "kokoro", "espeak", "gpt_sovits"] = Field(
        description="The library, or the server, that speaks."
    )
    id: str = Field(
        "", description="The voice's id in the catalogue; espeak and servers have none."
    )
    languages: tuple[str, ...] = Field(min_length=1, description="ISO 639-1 codes.")
    voices: tuple[str, ...] = Field(
        (), description="Speakers inside the model; several are mixed to one."
    )
    server: SpeechServerConfig | None = Field(None, description="For gpt_sovits: the server.")

    @property
    def name(self) -> str:
        """Its id, or its engine's name."""
        return self.id or self.engine


class VoiceConfig(HostedConfig):
    """Hearing and speaking."""

    transcriber: TranscriberConfig = TranscriberConfig()
    synthesizers: tuple[SynthesizerConfig, ...] = Field(
        (
            SynthesizerConfig(engine="piper", id="piper-en-joe", languages=("en",)),
            SynthesizerConfig(
                engine="kokoro",
                id="kokoro-82m-int8",
                languages=("zh",),
                voices=("jm_kumo", "jf_nezumi"),
            ),
        ),
        min_length=1,
        description="The first that speaks a language says it, else the first of all.",
    )
    device: str = Field("cpu", description="The device lane that both use.")
    threads: int = Field(2, ge=1, description="Threads of one model.")
    max_seconds: float = Field(120.0, gt=0, description="Longest recording, in seconds.")
