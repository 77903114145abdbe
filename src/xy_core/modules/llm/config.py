"""Settings of the language models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xy_core.core.config import HostedConfig, StrictModel
from xy_core.modules.llm.grammars import NO_PICTOGRAPHS


class LanguageModelConfig(StrictModel):
    """One language model and what it is good for."""

    id: str = Field(description="Its id in the catalogue.")
    languages: tuple[str, ...] = Field(description="The languages it answers in (ISO 639-1).")
    prompt: Literal["chat", "few_shot"] = Field(
        "chat", description="chat: by the model's own template; few_shot: a base model by examples."
    )
    grammar: str = Field("", description="GBNF that chat replies must follow; none if empty.")
    repeat_penalty: float = Field(
        1.0,
        ge=1,
        le=2,
        description="Above 1 discourages repetition; small models then avoid the user's words too.",
    )


class LLMConfig(HostedConfig):
    """Which language models are loaded, and how they write."""

    models: tuple[LanguageModelConfig, ...] = Field(
        (
            LanguageModelConfig(
                id="smollm2-135m-instruct", languages=("en",), grammar=NO_PICTOGRAPHS
            ),
            LanguageModelConfig(
                id="gemma3-270m-base", languages=("zh",), prompt="few_shot", repeat_penalty=1.1
            ),
        ),
        min_length=1,
        description="The first that speaks a reply's language writes it, else the first of all.",
    )
    device: str = Field("cpu", description="The device lane that generation uses.")
    slots: int = Field(4, ge=1, le=64, description="Requests that one model serves at a time.")
    context_tokens: int = Field(2048, ge=256, description="Longest conversation, in tokens.")
    threads: int = Field(2, ge=1, description="Threads of one model.")
    max_tokens: int = Field(96, ge=1, description="Longest reply, in tokens.")
    temperature: float = Field(0.3, ge=0, le=2, description="0 always takes the likeliest word.")
    seed: int = Field(7, ge=0, description="Makes replies repeatable.")
