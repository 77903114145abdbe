"""Settings of hearing and speaking."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xy_core.core.config import HostedConfig, StrictModel


class TranscriberConfig(StrictModel):
    """How speech becomes text."""

    id: str = Field("whisper-base-ct2", description="Its id in the catalogue.")
    languages: tuple[str, ...] = Field(
        ("en", "zh"), min_length=1, description="Languages that may be heard (ISO 639-1)."
    )
    workers: int = Field(
        1, ge=1, le=16, description="Recordings heard at a time; each uses voice.threads threads."
    )
    beam_size: int = Field(5, ge=1, le=20, description="More finds better words, more slowly.")


class SynthesizerConfig(StrictModel):
    """How text of some languages becomes speech."""

    engine: Literal["piper", "kokoro", "espeak"] = Field(description="The library that speaks.")
    id: str = Field("", description="The voice's id in the catalogue; espeak needs none.")
    languages: tuple[str, ...] = Field(min_length=1, description="ISO 639-1 codes.")
    voices: tuple[str, ...] = Field(
        (), description="Speakers inside the model; several are mixed to one."
    )


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
