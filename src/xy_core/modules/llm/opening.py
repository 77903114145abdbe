"""Makes the models of a configuration, each with its engine, where its work belongs."""

from __future__ import annotations

from xy_core.core.device import DeviceKind
from xy_core.core.host_proxy import make_backend
from xy_core.core.model import Variant
from xy_core.core.scheduler import GlobalTaskScheduler
from xy_core.models import ModelStore
from xy_core.models.plan import host_memory, plan_model
from xy_core.models.variants import on_node
from xy_core.modules.llm.backends.llama_cpp import LlamaCppChat, LlamaCppFewShot
from xy_core.modules.llm.backends.openai_server import OpenAIServer
from xy_core.modules.llm.backends.transformers_causal import TransformersCausal, cache_bytes
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig
from xy_core.modules.llm.places import OnDevice, OnServer, Place
from xy_core.modules.llm.protocols import LanguageModel

_PROMPTS: dict[str, type[LanguageModel]] = {"chat": LlamaCppChat, "few_shot": LlamaCppFewShot}


class Opener:
    """Makes places for models.

    Args:
        store: has the files.
        scheduler: has the devices.
        config: of the module.
    """

    def __init__(
        self, store: ModelStore, scheduler: GlobalTaskScheduler, config: LLMConfig
    ) -> None:
        self._store = store
        self._scheduler = scheduler
        self._config = config

    def place(self, entry: LanguageModelConfig) -> Place:
        """Return the place of a model; nothing is loaded yet.

        Raises:
            ModelNotInstalledError: its files are not on this machine.
            MissingExtraError: the library that speaks to its server is not installed.
        """
        if entry.engine == "openai":
            return OnServer(OpenAIServer(entry, self._config), self._scheduler)
        variants = self._variants(entry)
        on_device = any(variant.device_bytes for variant in variants)
        working = self._working(entry) if on_device else 0
        backend = self._backend(entry, variants[0].device_bytes)
        return OnDevice(
            f"llm.{entry.id}",
            backend,
            variants=variants,
            working=working,
            scheduler=self._scheduler,
            device=self._config.device,
            together=self._config.slots if entry.engine == "llama_cpp" else None,
        )

    def _backend(self, entry: LanguageModelConfig, memory: int) -> LanguageModel:
        installed = self._store.get(entry.id)
        weights = next((f.name for f in installed.entry.files if f.name.endswith(".gguf")), None)
        path = installed.directory if weights is None else installed.file(weights)
        kind: type[LanguageModel] = _PROMPTS[entry.prompt]
        if entry.engine == "transformers":
            kind = TransformersCausal
        return make_backend(
            kind,
            path,
            entry,
            self._config,
            name=entry.id,
            config=self._config,
            memory=memory,
        )

    def _variants(self, entry: LanguageModelConfig) -> tuple[Variant, ...]:
        """How a model may be held: by the processor alone, or on a device as far as it fits."""
        known = self._store.get(entry.id).entry
        tokens = self._config.context_tokens * self._config.slots
        if self._config.isolation == "cluster":
            planned = plan_model(self._store, known, room=0, n_ctx=tokens)
            return (on_node(planned, self._config.node_of(entry.id)),)
        memory = self._device_memory()
        if entry.engine == "transformers":
            size = sum(file.size for file in known.files)
            whole = (Variant("full", max(known.vram_bytes, size)),)
            return (Variant("host", max(known.ram_bytes, size)),) if memory is None else whole
        if memory is None:
            return (Variant("host", host_memory(self._store, known, tokens)),)
        return plan_model(self._store, known, room=memory, n_ctx=tokens).variants

    def _device_memory(self) -> int | None:
        """Return the bytes of the device; None if it is the processor, whose are the host's."""
        device = next((one for one in self._scheduler.devices() if self._uses(one.name)), None)
        if device is None or device.kind is DeviceKind.CPU or device.memory is None:
            return None
        return device.memory.total

    def _working(self, entry: LanguageModelConfig) -> int:
        """What one request takes beside the weights: llama.cpp's cache lies with the model."""
        if entry.engine != "transformers":
            return 0
        return cache_bytes(self._store.get(entry.id).directory, self._config.context_tokens)

    def _uses(self, device: str) -> bool:
        return self._config.device in {device, device.partition(":")[0]}
