"""The llm module: writes replies, one stream a request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from xy_core.core.errors import InputError
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority, TaskType
from xy_core.models import ModelStore
from xy_core.modules.llm.backends.llama_cpp import LlamaCppChat, LlamaCppFewShot
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.types import Delta, LanguageModel, Message

_PROMPTS = {"chat": LlamaCppChat, "few_shot": LlamaCppFewShot}


class LLMService(Module[LLMConfig]):
    """Language models by language; each serves several requests at a time."""

    name: ClassVar[str] = "llm"
    config_model = LLMConfig

    def __init__(self, context: ModuleContext, config: LLMConfig) -> None:
        super().__init__(context, config)
        self._models: dict[str, LanguageModel] = {}

    async def initialize(self) -> None:
        """Load all configured models, side by side."""
        store = self.context.resource(ModelStore)
        models = {entry.id: self._open(store, entry) for entry in self.config.models}
        async with asyncio.TaskGroup() as group:
            for model_id, model in models.items():
                loading = self.context.scheduler.run(
                    model.load, name="llm.load", task_type=TaskType.CPU_BOUND, note=model_id
                )
                group.create_task(loading)
        self._models = models

    def generate(
        self,
        messages: Sequence[Message],
        *,
        language: str = "en",
        priority: TaskPriority = TaskPriority.MEDIUM,
        key: str | None = None,
    ) -> TaskStream[Delta]:
        """Begin to write a reply; closing the stream stops the model.

        Args:
            messages: the conversation; the last message is the one to answer or, if it is the
                assistant's, the beginning of the reply, from which it goes on.
            language: of the reply (ISO 639-1).
            priority: how urgent it is.
            key: requests of one key (a conversation) share a fair place in the queue.

        Raises:
            InputError: there is no message.
            QueueFull: too many requests wait.
        """
        if not messages:
            raise InputError("there is no message to answer")
        chosen = self._choose(language)
        return self.context.scheduler.stream(
            self._models[chosen.id].generate,
            tuple(messages),
            name="llm.generate",
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            priority=priority,
            key=key,
            note=chosen.id,
        )

    async def stop(self) -> None:
        """Free the models."""
        models, self._models = self._models, {}
        async with asyncio.TaskGroup() as group:
            for model in models.values():
                group.create_task(asyncio.to_thread(model.close))

    async def health(self) -> ModuleHealth:
        """Name the loaded models."""
        status = HealthStatus.READY if self._models else HealthStatus.STOPPED
        return ModuleHealth(status, facts={"models": ", ".join(self._models)})

    def _choose(self, language: str) -> LanguageModelConfig:
        models = self.config.models
        return next((model for model in models if language in model.languages), models[0])

    def _open(self, store: ModelStore, entry: LanguageModelConfig) -> LanguageModel:
        installed = store.get(entry.id)
        weights = next(file.name for file in installed.entry.files if file.name.endswith(".gguf"))
        return _PROMPTS[entry.prompt](installed.file(weights), entry, self.config)
