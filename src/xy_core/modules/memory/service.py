"""The memory module: what was said and what is known, for each person apart."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, TypeVar

from typing_extensions import override

from xy_core.core.errors import (
    InputError,
    MissingExtraError,
    ModelError,
    ModuleUnavailable,
    XyCoreError,
)
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.task import TaskPriority, TaskType
from xy_core.models import ModelStore
from xy_core.modules.memory.backends.minilm import MiniLMEmbedder
from xy_core.modules.memory.backends.sqlite import MemoryStore
from xy_core.modules.memory.store import Vectors
from xy_core.modules.memory.config import MemoryConfig
from xy_core.modules.memory.intake import person_name, storable
from xy_core.modules.memory.types import FACT, Memory, MoodPoint, Recalled

T = TypeVar("T")
_BATCH = 32  # memories that are written, or embedded, at a time
_TOPIC = 120  # characters of what was said that a moment of the timeline keeps
_ROLES = ("user", "assistant")


class MemoryService(Module[MemoryConfig]):
    """Remembers turns and facts, and recalls them by words and by meaning.

    Remembering only hands over: a background task writes, another embeds what was written, so
    that neither delays a turn. Reading waits for the writing (not for the embedding), so a turn
    sees all that came before it. Without an embedder recall goes by words alone, and `health`
    says so.
    """

    name: ClassVar[str] = "memory"
    config_model = MemoryConfig

    def __init__(self, context: ModuleContext, config: MemoryConfig) -> None:
        super().__init__(context, config)
        self._store: MemoryStore | None = None
        self._embedder: MiniLMEmbedder | None = None
        self._pending: asyncio.Queue[Memory | MoodPoint] = asyncio.Queue(config.pending)
        self._written: asyncio.Queue[None] = asyncio.Queue(1)
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble: XyCoreError | None = None

    # -- life --------------------------------------------------------------------------------

    @override
    async def initialize(self) -> None:
        """Open the file and load the embedder.

        Raises:
            ConfigError: the file is damaged, foreign, newer than this program or unreachable.
        """
        config = self.config
        self._store = await self._on_cpu(
            partial(MemoryStore, config.path, max_turns=config.max_turns), name="memory.open"
        )
        if config.embedding is None:
            return
        try:
            self._embedder = await self._on_cpu(
                self._load_embedder, self._store, config.embedding, name="memory.load"
            )
        except (MissingExtraError, ModelError) as error:
            self._note("memories are recalled by words alone", error)

    @override
    async def start(self) -> None:
        """Begin to write in the background, and to embed what an earlier run left."""
        self._written.put_nowait(None)
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._embed())]

    @override
    async def stop(self) -> None:
        """Write what waits, then close the file; what is not embedded yet will be next time."""
        try:
            if self._tasks:
                await self._pending.join()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            store, self._store, self._embedder = self._store, None, None
            if store is not None:
                await asyncio.to_thread(store.close)

    @override
    async def health(self) -> ModuleHealth:
        """Say whether memories are written and embedded."""
        facts: dict[str, str | int | float | bool] = {
            "file": str(self.config.path),
            "waiting": self._pending.qsize(),
            "embedder": self.config.embedding or "" if self._embedder else "",
        }
        if self._trouble is not None:
            return ModuleHealth(HealthStatus.DEGRADED, str(self._trouble), facts)
        return ModuleHealth(HealthStatus.READY, facts=facts)

    # -- remember ----------------------------------------------------------------------------

    async def remember_turn(
        self, person: str, role: str, text: str, *, emotion: str | None = None
    ) -> None:
        """Hand over one message of a conversation; waits only while too many are unwritten.

        Args:
            person: whose conversation it is.
            role: ``user`` or ``assistant``.
            text: what was said; blank text is not remembered.
            emotion: what the speaker seemed to feel.

        Raises:
            InputError: the role is unknown, or the person or the text does not fit.
        """
        if role not in _ROLES:
            raise InputError(f"role {role!r}: a turn is by one of {', '.join(_ROLES)}")
        await self._remember(person, role, text, emotion)

    async def remember_fact(self, person: str, text: str) -> None:
        """Hand over something that stays true, such as "Lin has a cat named Momo".

        Raises:
            InputError: the person or the text does not fit.
        """
        await self._remember(person, FACT, text, None)

    async def remember_mood(self, point: MoodPoint) -> None:
        """Hand over what a person feels at this moment, for the timeline.

        Raises:
            InputError: the person does not fit.
        """
        topic = storable(point.topic).strip()[:_TOPIC]
        self._opened()
        await self._pending.put(replace(point, person=person_name(point.person), topic=topic))

    async def settle(self) -> None:
        """Wait until all that was handed over is written and embedded."""
        await self._pending.join()
        await self._written.join()

    async def forget(self, person: str) -> int:
        """Delete everything of a person from the file; returns how many memories it was."""
        owner = person_name(person)
        await self._pending.join()
        return await self._on_cpu(self._opened().forget, owner, name="memory.forget")

    async def forget_moods(
        self, person: str, *, since: float = -math.inf, until: float = math.inf
    ) -> int:
        """Delete a person's timeline, or a span of it in seconds since the epoch; returns how much.

        What was said stays; `forget` deletes both.
        """
        owner = person_name(person)
        await self._pending.join()
        return await self._on_cpu(
            self._opened().forget_moods, owner, since, until, name="memory.forget"
        )

    # -- recall ------------------------------------------------------------------------------

    async def recent(
        self, person: str, limit: int, *, priority: TaskPriority = TaskPriority.HIGH
    ) -> list[Memory]:
        """Return a person's newest turns, oldest first."""
        owner = person_name(person)
        await self._pending.join()
        return await self._on_cpu(
            self._opened().recent, owner, max(limit, 0), name="memory.recent", priority=priority
        )

    async def recall(
        self,
        person: str,
        query: str,
        *,
        limit: int = 5,
        emotion: str | None = None,
        skip_recent: int = 0,
        language: str = "en",
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> list[Recalled]:
        """Return facts, and earlier words of the person, that bear on the query, best first.

        Args:
            person: whose memories.
            query: any text, such as what the person says now.
            limit: how many at most.
            emotion: a mood: of memories that bear on the query, those felt in it come first, as
                people remember (Bower 1981, "Mood and memory", American Psychologist 36). With a
                blank query all memories felt in it are found, newest first.
            skip_recent: how many of the newest turns to leave out, and what repeats their text:
                those that the caller has from `recent`.
            language: of the query (ISO 639-1). The embedder knows English; Chinese goes by words.
            priority: how urgent it is.

        Raises:
            BackendError: the file or the embedder failed.
            InputError: the person does not fit.
        """
        owner, words = person_name(person), storable(query)[: self.config.max_text]
        if limit <= 0 or not (words.strip() or emotion):
            return []
        await self._pending.join()
        vector = None
        if self._embedder is not None and language != "zh" and words.strip():
            vector = (await self._vectors(self._embedder, [words], priority))[0]

        search = partial(
            self._opened().search,
            owner,
            words,
            vector,
            emotion=emotion,
            limit=limit,
            skip_recent=skip_recent,
            min_similarity=self.config.min_similarity,
        )
        return await self._on_cpu(search, name="memory.search", priority=priority)

    async def timeline(
        self,
        person: str,
        *,
        since: float = -math.inf,
        until: float = math.inf,
        limit: int = 1_000,
        crisis: bool = False,
    ) -> list[MoodPoint]:
        """Return a person's moods, oldest first.

        Args:
            person: whose.
            since: seconds since the epoch; included.
            until: the same; not included.
            limit: the newest of them at most.
            crisis: only moments with a sign of self-harm.
        """
        owner = person_name(person)
        await self._pending.join()
        read = partial(
            self._opened().moods, owner, since=since, until=until, limit=limit, crisis=crisis
        )
        return await self._on_cpu(read, name="memory.moods")

    # -- background --------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            batch = [await self._pending.get()]
            while len(batch) < _BATCH and not self._pending.empty():
                batch.append(self._pending.get_nowait())
            try:
                memories = [one for one in batch if isinstance(one, Memory)]
                moods = [one for one in batch if isinstance(one, MoodPoint)]
                await self._on_cpu(self._opened().add, memories, moods, name="memory.write")
            except XyCoreError as error:
                self._note("memories were lost", error)
            finally:
                for _ in batch:
                    self._pending.task_done()
            if self._written.empty():
                self._written.put_nowait(None)

    async def _embed(self) -> None:
        while True:
            await self._written.get()
            try:
                await self._embed_all()
            except XyCoreError as error:
                self._note("memories wait to be embedded", error)
            finally:
                self._written.task_done()

    async def _embed_all(self) -> None:
        while self._embedder is not None:
            waiting = await self._on_cpu(
                self._opened().without_vector, _BATCH, name="memory.read", priority=TaskPriority.LOW
            )
            if not waiting:
                return
            ids = [memory_id for memory_id, _ in waiting]
            texts = [text for _, text in waiting]
            vectors = await self._vectors(self._embedder, texts, TaskPriority.LOW)
            await self._on_cpu(self._opened().set_vectors, ids, vectors, name="memory.write")

    # -- helpers -----------------------------------------------------------------------------

    async def _remember(self, person: str, role: str, text: str, emotion: str | None) -> None:
        words = storable(text).strip()
        if len(words) > self.config.max_text:
            raise InputError(
                f"a memory of {len(words):,} characters is too long: give at most "
                f"{self.config.max_text:,}, or raise memory.max_text"
            )
        memory = Memory(role, words, person_name(person), time.time(), emotion)
        self._opened()
        if words:
            await self._pending.put(memory)

    def _load_embedder(self, store: MemoryStore, model_id: str) -> MiniLMEmbedder:
        model = self.context.resource(ModelStore).get(model_id)
        embedder = MiniLMEmbedder(
            model.file("model.onnx"), model.file("tokenizer.json"), self.config.threads
        )
        embedder.load()
        store.use_embedder(model_id)
        return embedder

    def _opened(self) -> MemoryStore:
        if self._store is None:
            raise ModuleUnavailable(self.name, None)
        return self._store

    def _on_cpu(
        self,
        fn: Callable[..., T],
        *args: Any,  # noqa: ANN401 - of any function
        name: str,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> Coroutine[Any, Any, T]:
        return self.context.scheduler.run(
            fn, *args, name=name, task_type=TaskType.CPU_BOUND, priority=priority
        )

    async def _vectors(
        self, embedder: MiniLMEmbedder, texts: Sequence[str], priority: TaskPriority
    ) -> Vectors:
        return await self.context.scheduler.run(
            embedder.embed,
            texts,
            name="memory.embed",
            task_type=TaskType.GPU_BOUND,
            device=self.config.device,
            priority=priority,
        )

    def _note(self, event: str, error: XyCoreError) -> None:
        self._trouble = error
        self.log.warning(event, error=str(error))
