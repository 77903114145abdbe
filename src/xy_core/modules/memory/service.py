"""The memory module: what was said and what is known, for each person apart."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np
from typing_extensions import override

from xy_core.core.errors import (
    BackendError,
    InputError,
    MissingExtraError,
    ModelError,
    ModuleUnavailable,
    XyCoreError,
)
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.memory.background import Extractor, Item, Learner, Writer
from xy_core.modules.memory.config import MemoryConfig, RetentionConfig
from xy_core.modules.memory.embedding import CalledEmbedder, EmbedCall, Embedder
from xy_core.modules.memory.exchange import from_document, to_document
from xy_core.modules.memory.intake import fact_draft, person_name, storable
from xy_core.modules.memory.opening import open_embedder, open_store
from xy_core.modules.memory.store import Span, Store, Vectors
from xy_core.modules.memory.types import (
    FACT,
    ROLES,
    FactDraft,
    Lesson,
    Memory,
    MoodPoint,
    PersonSummary,
    Recalled,
    Retention,
)

T = TypeVar("T")
_BATCH = 32  # memories that are embedded at a time
_TOPIC = 120  # characters of what was said that a moment of the timeline keeps
_SPEAKERS = ("user", "assistant")
_LATEST = 6  # turns in which facts are looked for
_KNOWN = 50  # facts that an extractor is shown
_PAGE = 1_000
_EMBED_TIMEOUT = 60.0
_DAY = 86_400.0


class MemoryService(Module[MemoryConfig]):
    """Remembers turns and facts, and recalls them by words and by meaning.

    Remembering only hands over: background tasks write, embed and learn, so that none of it delays
    a turn. Reading waits for the writing of the same person (not for the embedding), so a turn sees
    all that came before it. Without an embedder recall goes by words alone, and `health` says so.

    Every method that takes a person gives and changes that person's memories only. All raise
    `ModuleUnavailable` while the module does not run, `InputError` if the person has no name, and
    `BackendError` if the file or the database fails.
    """

    name: ClassVar[str] = "memory"
    config_model = MemoryConfig

    def __init__(self, context: ModuleContext, config: MemoryConfig) -> None:
        super().__init__(context, config)
        self._store: Store | None = None
        self._embedder: Embedder | None = None
        self._writer = Writer(config.pending)
        self._learner = Learner(context.scheduler, config.extract_timeout, self._note)
        self._to_embed: asyncio.Queue[None] = asyncio.Queue(1)
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble: XyCoreError | None = None

    # -- life --------------------------------------------------------------------------------

    @override
    async def initialize(self) -> None:
        """Open the file or the database, and load the embedder.

        Raises:
            ConfigError: the file is damaged, foreign, newer than this program or unreachable, or
                its key is missing or wrong.
        """
        run = self.context.scheduler.run
        cpu = TaskType.CPU_BOUND
        self._store = await run(open_store, self.config, name="memory.open", task_type=cpu)
        try:
            self._embedder = await run(
                open_embedder, self.config, self.context, name="memory.load", task_type=cpu
            )
            if self._embedder is not None:
                await self._call(self._store.use_embedder, self._embedder.name, name="memory.open")
        except (BackendError, MissingExtraError, ModelError) as error:
            self._embedder = None
            self._note("memories are recalled by words alone", error)

    @override
    async def start(self) -> None:
        """Begin to write in the background, and to embed what an earlier run left."""
        self._embed_soon()
        learning = self._learner.run(self._turns, self._known, self._learn)
        loops = (self._writer.run(self._write), self._embed(), learning, self._tidy_often())
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    @override
    async def stop(self) -> None:
        """Write what waits, then close the store; what is not embedded yet will be next time."""
        try:
            if self._tasks:
                await self._writer.written()
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
            "file": self._store.place if self._store else "",
            "waiting": self._writer.waiting,
            "embedder": self._embedder.name if self._embedder else "",
        }
        if self._trouble is not None:
            return ModuleHealth(HealthStatus.DEGRADED, str(self._trouble), facts)
        return ModuleHealth(HealthStatus.READY, facts=facts)

    async def use_embedder(self, name: str, embed: EmbedCall) -> None:
        """Understand meaning by another function from now on, such as a language model's.

        All memories are embedded anew as LOW work; until then, recall finds by meaning what is
        done, and everything by words.

        Args:
            name: tells its vectors from those of others.
            embed: returns one vector a text, float32 (texts, dimensions).
        """
        self._embedder = None
        await self._call(self._opened().use_embedder, name, name="memory.open")
        self._embedder = CalledEmbedder(name, embed, self.context.scheduler, _EMBED_TIMEOUT)
        self._embed_soon()

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
        if role not in _SPEAKERS:
            raise InputError(f"role {role!r}: a turn is by one of {', '.join(_SPEAKERS)}")
        words = self._words(text)
        memory = Memory(role, words, person_name(person), time.time(), emotion)
        self._opened()
        if words:
            await self._writer.put(memory)

    async def remember_fact(
        self, person: str, text: str, *, topic: str = "", emotion: str | None = None
    ) -> None:
        """Hand over something that stays true, such as "Lin has a cat named Momo".

        Args:
            person: whose fact it is.
            text: one sentence.
            topic: what it is about, if it takes the place of an earlier fact of that topic.
            emotion: what the speaker seemed to feel.

        Raises:
            InputError: the person or the text does not fit.
        """
        owner, words = person_name(person), self._words(text)
        self._opened()
        if words:
            draft = FactDraft(words, topic)
            await self._writer.put(Lesson(owner, (draft,), time.time(), owner, emotion=emotion))

    async def remember_mood(self, point: MoodPoint) -> None:
        """Hand over what a person feels at this moment, for the timeline.

        Raises:
            InputError: the person does not fit.
        """
        topic = storable(point.topic).strip()[:_TOPIC]
        self._opened()
        await self._writer.put(replace(point, person=person_name(point.person), topic=topic))

    def learn(self, person: str, extract: Extractor) -> None:
        """Have facts looked for in a person's last turns, as LOW work that gives way to others.

        Args:
            person: whose turns.
            extract: finds facts in them.
        """
        self._opened()
        self._learner.ask(person_name(person), extract)

    async def settle(self) -> None:
        """Wait until all that was handed over is written, learned and embedded."""
        await self._writer.written()
        await self._learner.settled()
        await self._writer.written()
        await self._to_embed.join()

    # -- forget ------------------------------------------------------------------------------

    async def forget(self, person: str) -> int:
        """Delete everything of a person for good; returns how many memories it was."""
        return await self._change(person, self._opened().forget)

    async def forget_items(self, person: str, ids: Collection[int]) -> int:
        """Delete memories for good, and the facts that were taken from them.

        A fact goes with its history. Returns how many memories it was.
        """
        return await self._change(person, self._opened().forget_items, ids)

    async def forget_span(
        self, person: str, *, since: float = -math.inf, until: float = math.inf
    ) -> int:
        """Delete a span of time, in seconds since the epoch: memories, their facts, and moods."""
        return await self._change(person, self._opened().forget_span, Span(since, until))

    async def forget_moods(
        self, person: str, *, since: float = -math.inf, until: float = math.inf
    ) -> int:
        """Delete a person's timeline, or a span of it in seconds since the epoch; returns how much.

        What was said stays; `forget` deletes both.
        """
        return await self._change(person, self._opened().forget_moods, since, until)

    async def tidy(self) -> int:
        """Let go what the retention settings do not keep; returns how many memories it was."""
        gone = 0
        for one in await self.people():
            config = self.config.retention_of.get(one.person, self.config.retention)
            policy = _policy(config, self.config.max_turns)
            gone += await self._change(one.person, self._opened().retain, policy, time.time())
        return gone

    # -- recall ------------------------------------------------------------------------------

    async def recent(
        self, person: str, limit: int, *, priority: TaskPriority = TaskPriority.HIGH
    ) -> list[Memory]:
        """Return a person's newest turns, oldest first: the short-term memory."""
        owner = person_name(person)
        await self._writer.written(owner)
        return await self._call(
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
            language: of the query (ISO 639-1). MiniLM knows English; then Chinese goes by words.
            priority: how urgent it is.

        Raises:
            BackendError: the file or the embedder failed.
            InputError: the person does not fit.
        """
        owner, words = person_name(person), storable(query)[: self.config.max_text]
        if limit <= 0 or not (words.strip() or emotion):
            return []
        await self._writer.written(owner)
        vector = None
        embedder = self._embedder
        if embedder and words.strip() and not (embedder.english_only and language == "zh"):
            vector = (await embedder.embed([words], priority))[0]

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
        return await self._call(search, name="memory.search", priority=priority)

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
        await self._writer.written(owner)
        read = partial(
            self._opened().moods, owner, since=since, until=until, limit=limit, crisis=crisis
        )
        return await self._call(read, name="memory.moods")

    # -- look through ------------------------------------------------------------------------

    async def people(self) -> list[PersonSummary]:
        """Return all persons of whom something is remembered, by name."""
        await self._writer.written()
        return await self._call(self._opened().people, name="memory.people")

    async def entries(
        self,
        person: str,
        *,
        roles: Collection[str] = ROLES,
        since: float = -math.inf,
        until: float = math.inf,
        limit: int = 50,
        before: int | None = None,
    ) -> list[Memory]:
        """Return a person's memories, newest first.

        Args:
            person: whose.
            roles: ``user``, ``assistant``, ``fact``, ``former`` (facts that hold no more).
            since: seconds since the epoch; included.
            until: the same; not included.
            limit: how many at most.
            before: the id of the last memory of the page before.
        """
        owner = person_name(person)
        await self._writer.written(owner)
        read = partial(
            self._opened().entries,
            owner,
            roles=roles,
            span=Span(since, until),
            limit=max(limit, 0),
            before=before,
        )
        return await self._call(read, name="memory.entries")

    async def entry(self, person: str, memory_id: int) -> Memory | None:
        """Return one memory, if there is one of that id and it is this person's."""
        owner = person_name(person)
        await self._writer.written(owner)
        return await self._call(self._opened().entry, owner, memory_id, name="memory.entry")

    async def facts(self, person: str, *, limit: int = 50) -> list[Memory]:
        """Return the facts that hold, newest first; their `details` tell who said it, and when."""
        return await self.entries(person, roles=(FACT,), limit=limit)

    async def history(self, person: str, fact_id: int) -> list[Memory]:
        """Return a fact and those that it superseded, newest first; empty if there is no such."""
        owner = person_name(person)
        await self._writer.written(owner)
        return await self._call(self._opened().history, owner, fact_id, name="memory.history")

    # -- meaning -----------------------------------------------------------------------------

    @property
    def embedding_model(self) -> str | None:
        """What understands meaning; None if memories are found by words alone."""
        return self._embedder.name if self._embedder else None

    async def embed(
        self, texts: Sequence[str], *, priority: TaskPriority = TaskPriority.MEDIUM
    ) -> Vectors:
        """Return a unit vector a text, as memories are embedded: float32, (texts, dimensions).

        Raises:
            ModuleUnavailable: there is nothing that understands meaning.
            BackendError: it failed.
        """
        embedder = self._understanding()
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        return np.concatenate([await embedder.embed(batch, priority) for batch in batches])

    async def count_tokens(
        self, texts: Sequence[str], *, priority: TaskPriority = TaskPriority.HIGH
    ) -> int | None:
        """Return how many tokens `embed` reads of texts; None if the embedder does not tell.

        Raises:
            ModuleUnavailable: there is nothing that understands meaning.
        """
        return await self._understanding().count(texts, priority)

    def _understanding(self) -> Embedder:
        if self._embedder is None:
            raise ModuleUnavailable(f"{self.name}.embedding", self._trouble)
        return self._embedder

    # -- take elsewhere ----------------------------------------------------------------------

    async def export(self, person: str | None = None) -> dict[str, Any]:
        """Return all memories and moods, of one person or of everybody, as plain JSON types."""
        chosen = [person_name(person)] if person else [one.person for one in await self.people()]
        memories: list[Memory] = []
        moods: list[MoodPoint] = []
        for owner in chosen:
            memories += await self._all_of(owner)
            moods += await self.timeline(owner, limit=2**31)
        return await self._call(to_document, memories, moods, name="memory.export")

    async def import_document(self, content: str | bytes) -> int:
        """Take an export in; what is already there is passed over. Returns how much was new.

        Raises:
            InputError: it is no export, is damaged, or of a newer xy-core; then nothing changed.
        """
        memories, moods = await self._call(from_document, content, name="memory.import")
        await self._writer.written()
        restore = self._opened().restore
        count = await self._call(restore, memories, moods, name="memory.import")
        self._embed_soon()
        return count

    async def _all_of(self, owner: str) -> list[Memory]:
        found: list[Memory] = []
        while page := await self.entries(
            owner, limit=_PAGE, before=found[-1].id if found else None
        ):
            found += page
        return found[::-1]

    # -- background --------------------------------------------------------------------------

    async def _write(self, batch: Sequence[Item]) -> None:
        store = self._opened()
        memories = [one for one in batch if isinstance(one, Memory)]
        moods = [one for one in batch if isinstance(one, MoodPoint)]
        try:
            if memories or moods:
                await self._call(store.add, memories, moods, name="memory.write")
            for lesson in (one for one in batch if isinstance(one, Lesson)):
                await self._call(store.learn, lesson, name="memory.write")
        except XyCoreError as error:
            self._note("memories were lost", error)
        self._embed_soon()

    async def _turns(self, person: str) -> Sequence[Memory]:
        return await self.recent(person, _LATEST, priority=TaskPriority.LOW)

    async def _known(self, person: str) -> Sequence[Memory]:
        return await self.facts(person, limit=_KNOWN)

    async def _learn(self, lesson: Lesson) -> None:
        drafts = [fact_draft(draft, self.config.max_text) for draft in lesson.facts]
        kept = tuple(draft for draft in drafts if draft.text)
        await self._writer.put(replace(lesson, facts=kept))

    def _embed_soon(self) -> None:
        if self._to_embed.empty():
            self._to_embed.put_nowait(None)

    async def _embed(self) -> None:
        while True:
            await self._to_embed.get()
            try:
                await self._embed_all()
            except XyCoreError as error:
                self._note("memories wait to be embedded", error)
            finally:
                self._to_embed.task_done()

    async def _embed_all(self) -> None:
        low = TaskPriority.LOW
        while (embedder := self._embedder) is not None:
            store = self._opened()
            read = partial(store.without_vector, _BATCH, english_only=embedder.english_only)
            waiting = await self._call(read, name="memory.read", priority=low)
            if not waiting:
                return
            vectors = await embedder.embed([text for _, text in waiting], low)
            if embedder is self._embedder:
                ids = [memory_id for memory_id, _ in waiting]
                await self._call(store.set_vectors, ids, vectors, name="memory.write", priority=low)

    async def _tidy_often(self) -> None:
        while True:
            await asyncio.sleep(self.config.retention.interval)
            try:
                await self.tidy()
            except XyCoreError as error:
                self._note("old memories were not let go", error)

    # -- helpers -----------------------------------------------------------------------------

    def _words(self, text: str) -> str:
        words = storable(text).strip()
        if len(words) > self.config.max_text:
            raise InputError(
                f"a memory of {len(words):,} characters is too long: give at most "
                f"{self.config.max_text:,}, or raise memory.max_text"
            )
        return words

    def _opened(self) -> Store:
        if self._store is None:
            raise ModuleUnavailable(self.name, None)
        return self._store

    async def _change(self, person: str, change: Callable[..., int], *args: object) -> int:
        owner = person_name(person)
        await self._writer.written(owner)
        return await self._call(change, owner, *args, name="memory.forget")

    def _call(
        self,
        fn: Callable[..., T],
        *args: Any,  # noqa: ANN401 - of any function
        name: str,
        priority: TaskPriority = TaskPriority.MEDIUM,
    ) -> Coroutine[Any, Any, T]:
        """Call the store where its calls run: those that wait for a server hold up no processor."""
        lane = self._opened().lane
        if lane is TaskType.DEFAULT:
            return self.context.scheduler.run(
                asyncio.to_thread, fn, *args, name=name, priority=priority
            )
        return self.context.scheduler.run(fn, *args, name=name, task_type=lane, priority=priority)

    def _note(self, event: str, error: XyCoreError) -> None:
        self._trouble = error
        self.log.warning(event, error=str(error))


def _policy(config: RetentionConfig, turns: int) -> Retention:
    seconds = None if config.days is None else config.days * _DAY
    return Retention(seconds, turns, config.facts)
