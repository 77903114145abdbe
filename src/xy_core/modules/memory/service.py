"""The memory module: what was said and what is known, for each person apart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from xy_core.core.errors import BackendError, InputError, MissingExtraError, ModelError, XyCoreError
from xy_core.core.module import HealthStatus, Module, ModuleContext, ModuleHealth
from xy_core.core.task import TaskPriority, TaskType
from xy_core.modules.memory.access import StoreAccess
from xy_core.modules.memory.archive import Archive
from xy_core.modules.memory.background import Extractor, Gathering, Item, Learner, Writer
from xy_core.modules.memory.config import MemoryConfig
from xy_core.modules.memory.embedding import LENT, CalledEmbedder, EmbedCall, Role
from xy_core.modules.memory.embedding_work import EmbeddingWork
from xy_core.modules.memory.facts import fold
from xy_core.modules.memory.forgetting import Forgetting
from xy_core.modules.memory.intake import fact_draft, person_name, storable
from xy_core.modules.memory.meaning import Meaning
from xy_core.modules.memory.opening import open_embedder, open_store
from xy_core.modules.memory.query import Query, Vectors
from xy_core.modules.memory.retention import Retainer
from xy_core.modules.memory.types import FACT, FactDraft, Lesson, Memory, MoodPoint, Recalled

_TOPIC = 120  # characters of what was said that a moment of the timeline keeps
_SPEAKERS = ("user", "assistant")
_LATEST = 6  # turns in which facts are looked for
_KNOWN = 50  # facts that an extractor is shown
_EMBED_TIMEOUT = 60.0


class MemoryService(Forgetting, Archive, Meaning, Module[MemoryConfig]):
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
        writing = Gathering(config.write_after, max(config.write_after, config.write_latest))
        self._writer = Writer(config.pending, writing)
        self._access = StoreAccess(context.scheduler, self._writer, self.name)
        gathering = Gathering(config.embed_after, config.embed_latest)
        self._embedding = EmbeddingWork(self._access, gathering, self._note)
        self._learner = Learner(context.scheduler, config.extract_timeout, self._note)
        self._retainer = Retainer(context, config, self.tidy, self._note)
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
        self._access.store = await run(open_store, self.config, name="memory.open", task_type=cpu)
        try:
            embedder = await run(
                open_embedder, self.config, self.context, name="memory.load", task_type=cpu
            )
            if embedder is not None:
                await self._embedding.use(embedder)
        except (BackendError, MissingExtraError, ModelError) as error:
            self._note("memories are recalled by words alone", error)

    @override
    async def start(self) -> None:
        """Begin to write in the background, and to embed what an earlier run left."""
        self._embedding.soon()
        learning = self._learner.run(self._turns, self._known, self._learn)
        loops = (self._writer.run(self._write), self._embedding.run(), learning)
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        await self._retainer.start()

    @override
    async def stop(self) -> None:
        """Write what waits, then close the store; what is not embedded yet will be next time."""
        await self._retainer.stop()
        try:
            if self._tasks:
                await self._writer.written()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            store, self._access.store, self._embedding.embedder = self._access.store, None, None
            if store is not None:
                await asyncio.to_thread(store.close)

    @override
    async def health(self) -> ModuleHealth:
        """Say whether memories are written and embedded."""
        facts: dict[str, str | int | float | bool] = {
            "file": self._access.store.place if self._access.store else "",
            "waiting": self._writer.waiting,
            "embedder": self._embedding.embedder.name if self._embedding.embedder else "",
        }
        if self._trouble is not None:
            return ModuleHealth(HealthStatus.DEGRADED, str(self._trouble), facts)
        return ModuleHealth(HealthStatus.READY, facts=facts)

    @property
    def borrows_embedder(self) -> bool:
        """Whether the settings want `use_embedder` to be called with a language model's vectors."""
        return self.config.embedding == LENT

    async def use_embedder(self, name: str, embed: EmbedCall) -> None:
        """Understand meaning by another function from now on, such as a language model's.

        All memories are embedded anew as LOW work; until then, recall finds by meaning what is
        done, and everything by words.

        Args:
            name: tells its vectors from those of others.
            embed: returns one vector a text, float32 (texts, dimensions); told how urgent it is.
        """
        await self._embedding.use(
            CalledEmbedder(name, embed, self.context.scheduler, _EMBED_TIMEOUT)
        )

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
        self._access.opened()
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
        self._access.opened()
        if words:
            draft = FactDraft(words, topic)
            await self._writer.put(Lesson(owner, (draft,), time.time(), owner, emotion=emotion))

    async def remember_mood(self, point: MoodPoint) -> None:
        """Hand over what a person feels at this moment, for the timeline.

        Raises:
            InputError: the person does not fit.
        """
        topic = storable(point.topic).strip()[:_TOPIC]
        self._access.opened()
        await self._writer.put(replace(point, person=person_name(point.person), topic=topic))

    def learn(self, person: str, extract: Extractor) -> None:
        """Have facts looked for in a person's last turns, as LOW work that gives way to others.

        Args:
            person: whose turns.
            extract: finds facts in them.
        """
        self._access.opened()
        self._learner.ask(person_name(person), extract)

    async def settle(self) -> None:
        """Wait until all that was handed over is written, learned and embedded."""
        await self._writer.written()
        await self._learner.settled()
        await self._writer.written()
        await self._embedding.done()

    async def correct(self, person: str, fact_id: int, text: str) -> Memory | None:
        """Put other words in the place of a fact; the wrong ones are deleted for good.

        Returns:
            The corrected fact; None if it was known already, and is confirmed.

        Raises:
            InputError: there is no such fact that holds, or the text does not fit.
        """
        words = self._words(text)
        fact = await self.entry(person, fact_id)
        if fact is None or fact.role != FACT or not words:
            raise InputError("only a fact that holds can be corrected, and not by nothing")
        topic = "" if fact.details is None else fact.details.topic
        lesson = Lesson(
            fact.person,
            (FactDraft(words, topic),),
            time.time(),
            fact.person,
            emotion=fact.emotion,
        )
        respelled = fold(words) == fold(fact.text)
        if respelled:  # else it would only be confirmed as it is
            await self.forget_items(person, [fact_id])
        learned = await self._access.call(self._access.opened().learn, lesson, name="memory.write")
        if not respelled:
            await self.forget_items(person, [fact_id])
        self._embedding.soon()
        return learned[0] if learned else None

    # -- recall ------------------------------------------------------------------------------

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
        with self._embedding.recalling(), self._writer.recalling():
            vector = await self._meaning(words, language, priority)
            asked = Query(
                words,
                vector,
                emotion,
                limit,
                skip_recent,
                self._embedding.embedder.unlike if self._embedding.embedder else 0.0,
                self.config.min_similarity,
            )
            search = self._access.opened().search
            return await self._access.call(
                search, owner, asked, name="memory.search", priority=priority
            )

    async def _meaning(self, words: str, language: str, priority: TaskPriority) -> Vectors | None:
        """Return what a query means; None if there is nothing, or nobody, to tell it."""
        embedder = self._embedding.embedder
        if embedder is None or not words.strip() or (embedder.english_only and language == "zh"):
            return None
        vectors = await embedder.embed([words], Role.QUERY, priority)
        found: Vectors = vectors[0]
        return found

    # -- background --------------------------------------------------------------------------

    async def _write(self, batch: Sequence[Item]) -> None:
        store = self._access.opened()
        memories = [one for one in batch if isinstance(one, Memory)]
        moods = [one for one in batch if isinstance(one, MoodPoint)]
        try:
            if memories or moods:
                await self._access.call(store.add, memories, moods, name="memory.write")
            for lesson in (one for one in batch if isinstance(one, Lesson)):
                await self._access.call(store.learn, lesson, name="memory.write")
        except XyCoreError as error:
            self._note("memories were lost", error)
        self._embedding.soon()

    async def _turns(self, person: str) -> Sequence[Memory]:
        return await self.recent(person, _LATEST, priority=TaskPriority.LOW)

    async def _known(self, person: str) -> Sequence[Memory]:
        return await self.facts(person, limit=_KNOWN)

    async def _learn(self, lesson: Lesson) -> None:
        drafts = [fact_draft(draft, self.config.max_text) for draft in lesson.facts]
        kept = tuple(draft for draft in drafts if draft.text)
        await self._writer.put(replace(lesson, facts=kept))

    # -- helpers -----------------------------------------------------------------------------

    def _words(self, text: str) -> str:
        words = storable(text).strip()
        if len(words) > self.config.max_text:
            raise InputError(
                f"a memory of {len(words):,} characters is too long: give at most "
                f"{self.config.max_text:,}, or raise memory.max_text"
            )
        return words

    def _note(self, event: str, error: XyCoreError) -> None:
        self._trouble = error
        self.log.warning(event, error=str(error))
