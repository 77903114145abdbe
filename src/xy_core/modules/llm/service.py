"""The llm module: writes replies, one stream a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from xy_core.core.device import DeviceKind
from xy_core.core.errors import InputError
from xy_core.core.host_proxy import ill_hosts, make_backend
from xy_core.core.model import Variant
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority, TaskType
from xy_core.models import ModelStore
from xy_core.models.plan import host_memory, plan_model
from xy_core.modules.llm.backends.llama_cpp import LlamaCppChat, LlamaCppFewShot
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.held import language_model
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
        """Make all configured models known, and load those for which there is room."""
        store = self.context.resource(ModelStore)
        scheduler, device = self.context.scheduler, self.config.device
        for entry in self.config.models:
            backend = self._open(store, entry)
            spec = language_model(_name(entry.id), backend, self._variants(store, entry))
            scheduler.register_model(spec, device)
            self._models[entry.id] = backend
        for entry in self.config.models:
            await scheduler.preload_model(_name(entry.id), device)

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
            _generate,
            tuple(messages),
            name="llm.generate",
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            model=_name(chosen.id),
            priority=priority,
            key=key,
            note=chosen.id,
        )

    async def stop(self) -> None:
        """Free the models."""
        models, self._models = self._models, {}
        async with asyncio.TaskGroup() as group:
            for model_id in models:
                revocation = self.context.scheduler.revoke_model(
                    _name(model_id), self.config.device
                )
                group.create_task(revocation)

    async def health(self) -> ModuleHealth:
        """Name the models, and those whose process has died."""
        if not self._models:
            return ModuleHealth(HealthStatus.STOPPED)
        ill = ill_hosts(self._models.values())
        status = HealthStatus.DEGRADED if ill else HealthStatus.READY
        return ModuleHealth(status, ill, {"models": ", ".join(self._models)})

    def _choose(self, language: str) -> LanguageModelConfig:
        models = self.config.models
        return next((model for model in models if language in model.languages), models[0])

    def _variants(self, store: ModelStore, entry: LanguageModelConfig) -> tuple[Variant, ...]:
        """How a model may be held: by the processor alone, or on a device as far as it fits."""
        tokens = self.config.context_tokens * self.config.slots
        known = store.get(entry.id).entry
        device = next(
            (one for one in self.context.scheduler.devices() if self._uses(one.name)), None
        )
        if device is None or device.kind is DeviceKind.CPU or device.memory is None:
            return (Variant("host", host_memory(store, known, tokens)),)
        return plan_model(store, known, room=device.memory.total, n_ctx=tokens).variants

    def _uses(self, device: str) -> bool:
        return self.config.device in {device, device.partition(":")[0]}

    def _open(self, store: ModelStore, entry: LanguageModelConfig) -> LanguageModel:
        installed = store.get(entry.id)
        weights = next(file.name for file in installed.entry.files if file.name.endswith(".gguf"))
        return make_backend(
            _PROMPTS[entry.prompt],
            installed.file(weights),
            entry,
            self.config,
            name=entry.id,
            config=self.config,
        )


def _name(model_id: str) -> str:
    return f"llm.{model_id}"


def _generate(
    emit: Callable[[Delta], None], model: LanguageModel, messages: Sequence[Message]
) -> None:
    model.generate(emit, messages)
