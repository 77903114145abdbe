"""Fills in what a request leaves to the settings."""

from __future__ import annotations

from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.types import Sampling


def filled(sampling: Sampling, model: LanguageModelConfig, config: LLMConfig) -> Sampling:
    """Return the sampling in force; what neither request nor settings name is the engine's."""
    given = {name: getattr(sampling, name) for name in Sampling.__slots__}
    settings = {
        "max_tokens": config.max_tokens,
        "temperature": config.temperature,
        "repeat_penalty": model.repeat_penalty,
        "seed": config.seed,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    return Sampling(**(settings | chosen))
