"""xy-core's own way: the same requests through its modules and its scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Self

from xy_core.bench.experiments.chain import Turn
from xy_core.bench.experiments.embedded import Inputs, Spoken, question
from xy_core.bench.experiments.record import Recorder, Span
from xy_core.core.arrival import serving
from xy_core.core.config import DeviceConfig
from xy_core.core.errors import first_error
from xy_core.core.seat import DeviceStatistics
from xy_core.core.task import TaskInfo
from xy_core.modules.llm import LLMService
from xy_core.modules.vision import VisionService
from xy_core.modules.voice import VoiceService
from xy_core.runtime import Runtime, open_runtime
from xy_core.settings import Settings

_MODULES = ("voice", "vision", "llm")
_PARTS = {
    "voice.transcribe": "hear",
    "vision.read": "see",
    "llm.generate": "think",
    "voice.synthesize": "speak",
}


def for_many(settings: Settings, cores: int) -> Settings:
    """Return settings by which many requests share few cores best.

    As many parts compute at a time as there are cores, each on one thread. A model on all cores
    answers one request sooner, but gains little by its second core: Whisper 1.25 times as fast,
    the text reader not at all. Two of one thread each do almost twice as much. The language model
    writes no more replies at a time than there are cores: on one thread each slows all others down.
    Models live in processes of their own, which step back behind the event loop (see
    ``HostConfig.nice``).
    """
    hearing = settings.voice.transcriber.model_copy(update={"workers": cores})
    apart = {"threads": 1, "isolation": "process"}
    voice = settings.voice.model_copy(update={**apart, "transcriber": hearing})
    return settings.model_copy(
        update={
            "voice": voice,
            "vision": settings.vision.model_copy(update=apart),
            "llm": settings.llm.model_copy(update=apart | {"slots": cores}),
            "scheduler": settings.scheduler.model_copy(
                update={"devices": (DeviceConfig(name="cpu", slots=cores),)}
            ),
        }
    )


class XyCoreModules:
    """The modules of a running program; each part of a request is as old as the request."""

    def __init__(self, settings: Settings, inputs: Inputs, recorder: Recorder) -> None:
        self._settings = settings
        self._inputs = inputs
        self._recorder = recorder
        self._calls: dict[str, list[int]] = {part: [] for part in _PARTS.values()}
        self._stack = AsyncExitStack()
        self._runtime: Runtime | None = None

    async def __aenter__(self) -> Self:
        self._runtime = await self._stack.enter_async_context(
            open_runtime(self._settings, _MODULES)
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    @property
    def runtime(self) -> Runtime:
        """The running program."""
        if self._runtime is None:
            raise RuntimeError("enter the policy first")
        return self._runtime

    async def request(self, turn: Turn) -> None:
        """See `Policy`; as the agent does, it hears and sees at once and speaks as it thinks."""
        try:
            with serving(asyncio.get_running_loop().time()):
                await self._serve(turn)
        except ExceptionGroup as group:
            raise first_error(group) from None  # as the other policies' requests fail

    async def _serve(self, turn: Turn) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear(turn))
            group.create_task(self._see(turn))
        turn.found["speak"] = 0.0
        async with asyncio.TaskGroup() as group:
            async for sentence in self._think(turn):
                group.create_task(self._speak(turn, sentence))

    async def _hear(self, turn: Turn) -> None:
        self._calls["hear"].append(turn.number)
        voice = self.runtime.engine.module(VoiceService)
        turn.found["hear"] = (await voice.transcribe(self._inputs.audio, language="en")).text

    async def _see(self, turn: Turn) -> None:
        self._calls["see"].append(turn.number)
        facts = await self.runtime.engine.module(VisionService).look(self._inputs.picture)
        turn.found["see"] = " / ".join(line.text for line in facts.lines)

    async def _think(self, turn: Turn) -> AsyncIterator[str]:
        """Yield what is to be said of the reply, by sentences."""
        self._calls["think"].append(turn.number)
        spoken = Spoken()
        stream = self.runtime.engine.module(LLMService).generate(question(turn))
        async with stream:
            async for delta in stream:
                for sentence in spoken.feed(delta.text):
                    yield sentence
        turn.found["think"] = spoken.reply
        for sentence in spoken.flush():
            yield sentence

    async def _speak(self, turn: Turn, sentence: str) -> None:
        self._calls["speak"].append(turn.number)
        stream = self.runtime.engine.module(VoiceService).speak(sentence)
        async with stream:
            turn.found["speak"] += sum([audio.seconds async for audio in stream])

    def forget(self) -> None:
        """Forget which request made which call: a run without an end has no record."""
        for calls in self._calls.values():
            calls.clear()

    def finish(self) -> None:
        """Read from the scheduler what computed when: the n-th task of a kind is the n-th call."""
        scheduler = self.runtime.engine.scheduler
        tasks = sorted(scheduler.tasks(), key=_number)
        for kind, part in _PARTS.items():
            of_kind = [task for task in tasks if task.name == kind]
            for request, task in zip(self._calls[part], of_kind, strict=False):
                self._note(request, part, task)
        self._recorder.run.trace = scheduler.trace.as_report()
        self._recorder.run.snapshot = [line for one in scheduler.devices() for line in _lines(one)]

    def _note(self, request: int, part: str, task: TaskInfo) -> None:
        if request < 0 or task.started_at is None or task.ended_at is None:
            return
        epoch = self._recorder.epoch
        self._recorder.run.spans.append(
            Span(request, part, task.lane, task.started_at - epoch, task.ended_at - epoch)
        )


def _number(task: TaskInfo) -> int:
    return int(task.task_id.rpartition("_")[2])


def _lines(device: DeviceStatistics) -> list[str]:
    memory = device.memory
    known = (
        "" if memory is None else f"  {memory.promised >> 20} / {memory.total >> 20} MiB promised"
    )
    head = f"{device.name} ({device.title})  slots {device.slots}  running {device.running}{known}"
    models = [
        f"  {model.name}  {model.state}  {model.size >> 20} MiB  uses {model.uses}"
        for model in device.models
    ]
    return [head, *models]
