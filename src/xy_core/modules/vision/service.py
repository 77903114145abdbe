"""The vision module: what is written in pictures, what can be measured, what a model sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from xy_core.core.backend_model import backend_model
from xy_core.core.errors import BackendError, ModuleUnavailable, UnsupportedError
from xy_core.core.host_proxy import ill_hosts, make_backend
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.stream import TaskStream
from xy_core.core.task import TaskPriority, TaskType
from xy_core.models import ModelStore
from xy_core.models.variants import plan_on
from xy_core.modules.vision.backends.llama_cpp import LlamaCppVision
from xy_core.modules.vision.backends.rapid_ocr import RapidOcrReader
from xy_core.modules.vision.backends.transformers import TransformersVision
from xy_core.modules.vision.colours import measure_colours
from xy_core.modules.vision.config import VisionConfig
from xy_core.modules.vision.held import vision_model, working_memory
from xy_core.modules.vision.picture import Picture
from xy_core.modules.vision.questions import (
    COMPARE,
    DESCRIBE,
    VisionModel,
    VisionQuestion,
    check_question,
    schema_text,
    with_evidence,
)
from xy_core.modules.vision.types import SceneFacts, TextLine

_READING = "vision.read"
_READER = "vision.reader"
_MODEL = "vision.model"
_ENGINES: dict[str, type[LlamaCppVision | TransformersVision]] = {
    "llama_cpp": LlamaCppVision,
    "transformers": TransformersVision,
}


class VisionService(Module[VisionConfig]):
    """Reads the text of a picture and measures its colours, side by side.

    What a picture shows only a model can tell, which `vision.model` names.
    """

    name: ClassVar[str] = "vision"
    config_model = VisionConfig

    def __init__(self, context: ModuleContext, config: VisionConfig) -> None:
        super().__init__(context, config)
        self._reader: RapidOcrReader | None = None
        self._model: VisionModel | None = None

    @property
    def sees(self) -> bool:
        """Whether there is a model that can be asked what a picture shows."""
        return self._model is not None

    @override
    async def initialize(self) -> None:
        """Load the text reader, and make the model known, which comes with its first question.

        Raises:
            MissingExtraError: a library is not installed.
            BackendError: the reader cannot be loaded.
            ModelNotInstalledError: the model is not on this machine.
        """
        if self.config.model:
            self._register_model()
        reader = make_backend(RapidOcrReader, self.config, name="text reader", config=self.config)
        scheduler = self.context.scheduler
        # The reader keeps state while it works, so further pictures wait in the lane's queue.
        scheduler.register_model(backend_model(_READER, reader, 0, together=1), self.config.device)
        self._reader = reader
        await scheduler.preload_model(_READER, self.config.device)

    async def look(
        self, picture: Picture, *, priority: TaskPriority = TaskPriority.MEDIUM
    ) -> SceneFacts:
        """Return the facts of a picture.

        Raises:
            BackendError: the reader failed.
            QueueFull: too many pictures wait.
        """
        if self._reader is None:
            raise ModuleUnavailable(self.name, None)
        scheduler = self.context.scheduler
        reading = scheduler.run(
            _read,
            picture,
            name=_READING,
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            model=_READER,
            priority=priority,
            note=f"{picture.width}x{picture.height}",
        )
        measuring = scheduler.run(
            measure_colours,
            picture,
            name="vision.measure",
            task_type=TaskType.CPU_BOUND,
            priority=priority,
        )
        lines, (colours, brightness) = await asyncio.gather(reading, measuring)
        return SceneFacts(picture.width, picture.height, lines, colours, brightness)

    def ask(
        self,
        pictures: Sequence[Picture],
        question: str,
        *,
        language: str = "en",
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> TaskStream[str]:
        """Begin to answer a question about pictures; the stream gives pieces of text.

        What the text reader finds stands beside the question, for the model to quote or to
        contradict. Closing the stream stops the model.

        Args:
            pictures: one or several, which the model sees in this order.
            question: in any language that the model speaks.
            language: of the words beside the question, ``zh`` or else English.
            priority: how urgent it is.

        Raises:
            InputError: the question cannot be asked.
            UnsupportedError: no model that sees is configured.
            ModuleUnavailable: the module is not running.
            QueueFull: too many questions wait.
        """
        return self._ask(tuple(pictures), question, language, priority, "")

    def describe(
        self,
        picture: Picture,
        *,
        language: str = "en",
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> TaskStream[str]:
        """Begin to say what a picture shows; see `ask`."""
        asked = DESCRIBE["zh" if language == "zh" else "en"]
        return self.ask([picture], asked, language=language, priority=priority)

    def compare(
        self,
        pictures: Sequence[Picture],
        *,
        language: str = "en",
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> TaskStream[str]:
        """Begin to say what several pictures have in common and how they differ; see `ask`."""
        asked = COMPARE["zh" if language == "zh" else "en"]
        return self.ask(pictures, asked, language=language, priority=priority)

    async def extract(
        self,
        pictures: Sequence[Picture],
        question: str,
        schema: Mapping[str, Any],
        *,
        language: str = "en",
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> Any:  # noqa: ANN401 - whatever the schema describes
        """Return the answer to a question as data that follows a JSON schema.

        Raises:
            InputError: the question or the schema cannot be used.
            UnsupportedError: the engine cannot follow a schema, or there is none.
            BackendError: the engine failed, or the answer did not fit into `vision.max_tokens`.
            ModuleUnavailable: the module is not running.
            QueueFull: too many questions wait.
        """
        stream = self._ask(tuple(pictures), question, language, priority, schema_text(schema))
        async with stream:
            text = "".join([piece async for piece in stream])
        try:
            return json.loads(text)
        except ValueError as error:
            raise BackendError("the answer was cut off: raise vision.max_tokens") from error

    def _ask(
        self,
        pictures: tuple[Picture, ...],
        question: str,
        language: str,
        priority: TaskPriority,
        schema: str,
    ) -> TaskStream[str]:
        check_question(pictures, question)
        if self._reader is None:
            raise ModuleUnavailable(self.name, None)
        if self._model is None:
            raise UnsupportedError(
                "no model that sees is configured: run  xy-core models pull qwen2-vl-2b-instruct  "
                "and set vision.model=qwen2-vl-2b-instruct"
            )

        async def answer() -> AsyncGenerator[str, None]:
            facts = await asyncio.gather(
                *(self.look(picture, priority=priority) for picture in pictures)
            )
            most = self.config.look_pixels
            shown = await asyncio.to_thread(lambda: tuple(one.fitted(most) for one in pictures))
            asked = VisionQuestion(shown, with_evidence(question, facts, language), schema)
            async with self.context.scheduler.stream(
                _answer,
                asked,
                name="vision.answer",
                task_type=TaskType.GPU_BOUND,
                device=self.config.device,
                model=_MODEL,
                memory=working_memory(asked),
                priority=priority,
                note=f"{len(shown)} of {asked.pixels:,} pixels",
            ) as pieces:
                async for piece in pieces:
                    yield piece

        return self.context.scheduler.stream(answer, name="vision.ask", priority=priority)

    def _register_model(self) -> None:
        config, scheduler = self.config, self.context.scheduler
        store = self.context.resource(ModelStore)
        plan = plan_on(
            scheduler,
            config.device,
            store,
            config.model,
            n_ctx=config.context_tokens,
            node=config.node_of(config.model),
        )
        folder, kind = store.path(config.model), _ENGINES[config.engine]
        model: VisionModel = make_backend(
            kind,
            folder,
            config,
            name=config.model,
            config=config,
            memory=plan.variants[0].device_bytes,
        )
        scheduler.register_model(vision_model(_MODEL, model, plan.variants), config.device)
        self._model = model

    @override
    async def stop(self) -> None:
        """Free the reader and the model."""
        model, self._model = self._model, None
        if model is not None:
            await self.context.scheduler.revoke_model(_MODEL, self.config.device)
        reader, self._reader = self._reader, None
        if reader is not None:
            await self.context.scheduler.revoke_model(_READER, self.config.device)

    @override
    async def health(self) -> ModuleHealth:
        """Say whether the reader is loaded."""
        if self._reader is None:
            return ModuleHealth(HealthStatus.STOPPED)
        ill = ill_hosts([self._reader])
        return ModuleHealth(HealthStatus.DEGRADED if ill else HealthStatus.READY, ill)


def _read(reader: RapidOcrReader, picture: Picture) -> tuple[TextLine, ...]:
    return reader.read(picture)


def _answer(emit: Callable[[str], None], model: VisionModel, question: VisionQuestion) -> None:
    model.answer(emit, question)
