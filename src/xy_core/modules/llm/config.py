"""Settings of the language models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import ByteSize, Field, SecretStr, model_validator

from xy_core.core.config import HostedConfig, StrictModel
from xy_core.modules.llm.grammars import NO_PICTOGRAPHS


class AdapterConfig(StrictModel):
    """A LoRA adapter that is laid over a model's weights."""

    path: Path = Field(description="Its file (llama_cpp: GGUF) or folder (transformers: PEFT).")
    scale: float = Field(1.0, ge=-4, le=4, description="How strongly it counts.")


class ServerConfig(StrictModel):
    """An OpenAI-compatible server: Ollama, vLLM, LM Studio, DashScope, another xy-core."""

    url: str = Field(
        pattern=r"^https?://",
        description="Its base address, such as http://127.0.0.1:11434/v1 (Ollama).",
    )
    model: str = Field("", description="The model's name there; its id if empty.")
    api_key: SecretStr | None = Field(
        None, description="Better in the environment: see api_key_env."
    )
    api_key_env: str = Field("", description="The environment variable that holds the key.")
    timeout: float = Field(60.0, gt=0, description="Longest wait for the next piece, in seconds.")
    retries: int = Field(2, ge=0, le=10, description="Further attempts before the first piece.")

    @property
    def key(self) -> str:
        """The key in force; servers at home need none, but their clients send something."""
        found = os.environ.get(self.api_key_env, "") if self.api_key_env else ""
        if self.api_key is not None:
            found = found or self.api_key.get_secret_value()
        return found or "none"


class LanguageModelConfig(StrictModel):
    """One language model and what it is good for."""

    id: str = Field(description="Its id in the catalogue; any name if a server has it.")
    languages: tuple[str, ...] = Field(description="The languages it answers in (ISO 639-1).")
    engine: Literal["llama_cpp", "transformers", "openai"] = Field(
        "llama_cpp",
        description="llama_cpp: GGUF files; transformers: a safetensors folder or a GGUF file; "
        "openai: any OpenAI-compatible server.",
    )
    task: Literal["chat", "embed"] = Field(
        "chat", description="chat: it writes; embed: it turns texts into vectors."
    )
    server: ServerConfig | None = Field(None, description="Where it runs, for engine openai.")
    prompt: Literal["chat", "few_shot"] = Field(
        "chat", description="chat: by the model's own template; few_shot: a base model by examples."
    )
    grammar: str = Field(
        "", description="GBNF that chat replies must follow; none if empty. llama_cpp only."
    )
    adapters: tuple[AdapterConfig, ...] = Field((), description="LoRA adapters. llama_cpp only.")
    repeat_penalty: float = Field(
        1.0,
        ge=1,
        le=2,
        description="Above 1 discourages repetition; small models then avoid the user's words too.",
    )

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        """Refuse options that the engine would not look at."""
        if (self.engine == "openai") != (self.server is not None):
            raise ValueError("engine openai needs a server, and only it has one")
        only = {"few_shot prompts": self.prompt == "few_shot", "a grammar": bool(self.grammar)}
        for what, asked in (only | {"adapters": bool(self.adapters)}).items():
            if asked and self.engine != "llama_cpp":
                raise ValueError(f"{what}: engine llama_cpp only")
        return self


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
    prompt_cache: ByteSize = Field(
        ByteSize(0),
        ge=0,
        description="Host memory in which llama.cpp keeps conversations that lost their slot.",
    )
    threads: int = Field(2, ge=1, description="Threads of one model.")
    max_tokens: int = Field(96, ge=1, description="Longest reply, in tokens.")
    temperature: float = Field(0.3, ge=0, le=2, description="0 always takes the likeliest word.")
    seed: int = Field(7, ge=0, description="Makes replies repeatable.")
